//! [`Address`]: a host and a port as the command line has them, for every option that takes one.

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs},
};

/// What every wrong address is answered with.
const FORM: &str = "write HOST:PORT, for instance 127.0.0.1:7878, big.example:7878 or [::1]:7878";

/// The longest name that the domain name system has.
const LONGEST: usize = 253;

/// A host and a port. Whether there is such a host is another question: [`resolve`](Self::resolve).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an IP address; one of IPv6 without its brackets.
    host: String,
    port: u16,
}

impl Address {
    /// Reads the address of somebody else, whose port is known.
    pub(crate) fn to_connect(text: &str) -> Result<Self, String> {
        let address = Self::to_listen(text)?;
        match address.port {
            0 => Err(format!("the port 0 is nobody's; it must be from 1 to 65535; {FORM}")),
            _ => Ok(address),
        }
    }

    /// Reads an address of one's own; for the port 0 the system chooses one.
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
        let port =
            port.parse().ok().filter(|_| digits).ok_or_else(|| {
                format!("`{port}` is no port; a number from 1 to 65535 is; {FORM}")
            })?;
        match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) if inside.parse::<Ipv6Addr>().is_ok() => {
                Ok(Self { host: inside.to_owned(), port })
            }
            None if is_host(host) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(format!("`{host}` is no host; {FORM}")),
        }
    }

    /// Whether it is of this machine, by its name alone.
    pub(crate) fn is_near(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The first socket address that the name stands for.
    pub(crate) fn resolve(&self) -> io::Result<SocketAddr> {
        let mut addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
        addresses.next().ok_or_else(|| io::Error::other("the name stands for no address"))
    }
}

/// As the command line has it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Whether a text can be a name or an address of IPv4. One of digits and dots alone must be an address.
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
            (":7878", "`` is no host"),
            ("localhost:", "`` is no port"),
            ("localhost:http", "`http` is no port"),
            ("localhost:+80", "`+80` is no port"),
            ("localhost:65536", "`65536` is no port"),
            ("localhost:-1", "`-1` is no port"),
            ("localhost:78 78", "is no port"),
            ("::1:7878", "needs brackets"),
            ("[::1]", "needs brackets"),
            ("[::1", "needs brackets"),
            ("[localhost]:7878", "is no host"),
            ("[127.0.0.1]:7878", "is no host"),
            ("256.0.0.1:7878", "is no host"),
            ("1.2.3:7878", "is no host"),
            ("two words:7878", "is no host"),
            ("a..b:7878", "is no host"),
            ("-a:7878", "is no host"),
            ("me@big.example:7878", "is no host"),
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
        assert!(said.contains("is no host"), "{said}");
    }

    #[test]
    fn this_machine_is_known_by_its_name() {
        let is_near = |text| Address::to_connect(text).unwrap().is_near();
        assert!(is_near("localhost:1") && is_near("127.0.0.2:1") && is_near("[::1]:1"));
        assert!(!is_near("localhost.example:1") && !is_near("10.0.0.7:1"));
    }
}
