//! Which addresses are local, for users that may only come from the home's own network; and which
//! are counted as one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether `address` is loopback, private or link-local. IPv4 within IPv6 counts as IPv4.
pub fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// What is counted, and banned, as one: an IPv4 address, or the /64 network that a host with IPv6
/// takes its addresses from. Of link-local addresses each one, since a whole home shares their
/// network. IPv4 within IPv6 counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The block that `address` lies in.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local() => {
                let network = v6.to_bits() >> 64 << 64;
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            whole => Self(whole),
        }
    }

    /// Whether these are programs on the hub's own machine.
    pub(crate) fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }

    /// Whether it belongs to a home's network.
    pub(crate) fn is_local(self) -> bool {
        is_local(self.0)
    }

    fn is_network(self) -> bool {
        matches!(self.0, IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local())
    }
}

impl fmt::Display for AddressBlock {
    /// `203.0.113.7`, `2001:db8::/64`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_network() {
            true => write!(f, "{}/64", self.0),
            false => write!(f, "{}", self.0),
        }
    }
}

/// The text is neither an address nor a /64 network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as 203.0.113.7 or a network such as 2001:db8::/64")]
pub struct NotAnAddress;

impl FromStr for AddressBlock {
    type Err = NotAnAddress;

    /// Takes what [`fmt::Display`] writes, and any address within it.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let block = |text: &str| text.parse().map(Self::of).map_err(|_| NotAnAddress);
        match text.strip_suffix("/64") {
            None => block(text),
            Some(network) => block(network).and_then(|block: Self| match block.is_network() {
                true => Ok(block),
                false => Err(NotAnAddress),
            }),
        }
    }
}

impl Serialize for AddressBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn home_networks_are_local_and_the_internet_is_not() {
        for (text, local) in [
            ("127.0.0.1", true),
            ("192.168.1.20", true),
            ("10.0.0.1", true),
            ("172.31.255.255", true),
            ("169.254.1.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:192.168.1.20", true),
            ("172.32.0.1", false),
            ("8.8.8.8", false),
            ("0.0.0.0", false),
            ("2001:4860:4860::8888", false),
            ("::ffff:8.8.8.8", false),
        ] {
            let address = text.parse();
            assert_eq!(address.map(is_local), Ok(local), "{text}");
        }
    }

    fn block(text: &str) -> AddressBlock {
        AddressBlock::of(text.parse().unwrap())
    }

    #[test]
    fn a_host_counts_as_one_however_many_addresses_it_has() {
        for (a, b, same) in [
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("fe80::1", "fe80::2", false),
        ] {
            assert_eq!(block(a) == block(b), same, "{a} {b}");
        }
        assert!(block("::1").is_loopback() && block("127.0.0.9").is_loopback());
    }

    #[test]
    fn a_block_is_written_and_read() {
        for (address, text) in [
            ("203.0.113.7", "203.0.113.7"),
            ("2001:db8::17", "2001:db8::/64"),
            ("fe80::1", "fe80::1"),
            ("::1", "::1"),
        ] {
            assert_eq!(block(address).to_string(), text);
            assert_eq!(text.parse(), Ok(block(address)));
            assert_eq!(address.parse(), Ok(block(address)));
        }
        for bad in ["", "home", "203.0.113.7/64", "2001:db8::/48", "::1/64"] {
            assert_eq!(bad.parse::<AddressBlock>(), Err(NotAnAddress), "{bad}");
        }
    }
}
