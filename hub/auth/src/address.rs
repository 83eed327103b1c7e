//! Which addresses are local, for users that may only come from the home's own network.

use std::net::IpAddr;

/// Whether `address` is loopback, private or link-local. IPv4 within IPv6 counts as IPv4.
pub fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
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
}
