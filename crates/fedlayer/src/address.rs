//! [`Address`]: a host and a port on the command line.

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs},
};

/// The form of an address, for every message about a wrong one.
const FORM: &str = "write HOST:PORT, for instance 127.0.0.1:7878, big.example:7878 or [::1]:7878";

/// The longest name in the domain name system.
const LONGEST: usize = 253;

/// A host and a port. The host is looked up only by [`resolve`](Self::resolve).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an IP address; IPv6 without brackets.
    host: String,
    port: u16,
}

impl Address {
    /// Parses the address of another process, which must have a port.
    pub(crate) fn to_connect(text: &str) -> Result<Self, String> {
        let address = Self::to_listen(text)?;
        match address.port {
            0 => {
                Err(format!("the port 0 cannot be connected to; a port is from 1 to 65535; {FORM}"))
            }
            _ => Ok(address),
        }
    }

    /// Parses an address to listen on; for the port 0 the system chooses one.
    pub(crate) fn to_listen(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err(format!("an address has no `://`; {FORM}"));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, port),
            Some(_) => return Err(format!("an address of IPv6 needs brackets; {FORM}")),
            None => return Err(format!("there is no port; {FORM}")),
        };
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits).ok_or_else(|| {
            format!("`{port}` is not a port; a port is a number from 1 to 65535; {FORM}")
        })?;
        match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) if inside.parse::<Ipv6Addr>().is_ok() => {
                Ok(Self { host: inside.to_owned(), port })
            }
            None if is_host(host) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(format!("`{host}` is not a host; {FORM}")),
        }
    }

    /// Tells whether the name is one of this machine.
    pub(crate) fn is_near(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// Looks the host up and returns its first socket address.
    pub(crate) fn resolve(&self) -> io::Result<SocketAddr> {
        let mut addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
        addresses.next().ok_or_else(|| io::Error::other("the name has no address"))
    }
}

/// Shows the address as the command line writes it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Tells whether a text can be a name or an IPv4 address. A text of digits and dots must be an
/// address.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse::<IpAddr>().is_ok();
    }
    text.len() <= LONGEST && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_read_and_written_alike() {
        for text in [
            "127.0.0.1:7878",
            "localhost:1",
            "big.example:65535",
            "big.example.:80",
            "coordinator_1:7878",
            "10-0-0-7.pods:7878",
            "[::1]:7878",
            "[fe80::1]:7878",
        ] {
            assert_eq!(Address::to_connect(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_answered_with_the_form() {
        for (text, words) in [
            ("", "there is no port"),
            ("localhost", "there is no port"),
            ("7878", "there is no port"),
            (":7878", "`` is not a host"),
            ("localhost:", "`` is not a port"),
            ("localhost:http", "`http` is not a port"),
            ("localhost:+80", "`+80` is not a port"),
            ("localhost:65536", "`65536` is not a port"),
            ("localhost:-1", "`-1` is not a port"),
            ("localhost:78 78", "is not a port"),
            ("::1:7878", "needs brackets"),
            ("[::1]", "needs brackets"),
            ("[::1", "needs brackets"),
            ("[localhost]:7878", "is not a host"),
            ("[127.0.0.1]:7878", "is not a host"),
            ("256.0.0.1:7878", "is not a host"),
            ("1.2.3:7878", "is not a host"),
            ("two words:7878", "is not a host"),
            ("a..b:7878", "is not a host"),
            ("-a:7878", "is not a host"),
            ("me@big.example:7878", "is not a host"),
            ("http://localhost:7878", "no `://`"),
        ] {
            let said = Address::to_connect(text).unwrap_err();
            assert!(said.contains(words) && said.contains(FORM), "{text}: {said}");
        }
    }

    #[test]
    fn the_system_chooses_a_port_to_listen_on_and_none_to_connect_to() {
        assert_eq!(Address::to_listen("127.0.0.1:0").unwrap().port, 0);
        assert!(Address::to_connect("127.0.0.1:0").unwrap_err().contains("from 1 to 65535"));
    }

    #[test]
    fn a_name_is_as_long_as_the_domain_name_system_has_them() {
        let name = |length: usize| "a.".repeat(length / 2) + &"a".repeat(length % 2);
        assert!(Address::to_connect(&format!("{}:80", name(LONGEST))).is_ok());
        let said = Address::to_connect(&format!("{}:80", name(LONGEST + 2))).unwrap_err();
        assert!(said.contains("is not a host"), "{said}");
    }

    #[test]
    fn this_machine_is_known_by_its_name() {
        let is_near = |text| Address::to_connect(text).unwrap().is_near();
        assert!(is_near("localhost:1") && is_near("127.0.0.2:1") && is_near("[::1]:1"));
        assert!(!is_near("localhost.example:1") && !is_near("10.0.0.7:1"));
    }
}
