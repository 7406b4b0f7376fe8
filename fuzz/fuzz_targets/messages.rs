//! Fuzzes the worker protocol: any bytes as every kind of message.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _kinds = fedlayer_runtime::remote::message_kinds(bytes);
});
