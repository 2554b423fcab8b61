"""Which addresses are public: a table, and that no wrapping hides one that is not."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.public_address import is_host, is_public

PUBLIC = (
    *("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "169.253.255.255"),
    *("2606:4700::1111", "2a00:1450::1", "2400:cb00::1", "2001:200::1", "2620:fe::fe"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808"),
)
NOT_PUBLIC = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1"),
    *("127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1"),
    *("192.0.0.9", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1"),
    *("198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::8.8.8.8", "::ffff:0:808:808", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::808:808"),
    *("100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::"),
    *("2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fe80::1%eth0", "2606:4700::1111%1", "fec0::1", "ff02::1", "ff0e::1"),
    *("", "shop.example", "8.8.8.8 ", "8.8.8", "0x8080808", "134744072", "08.8.8.8", "8.8.8.8/32"),
)


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert is_public(text) and is_host(text)


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_not_public(text: str) -> None:
    assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_wrapping_changes_nothing(address: IPv4Address) -> None:
    wrapped = (f"::ffff:{address}", str(IPv6Address((0x64_FF9B << 96) + int(address))))
    assert {is_public(text) for text in wrapped} == {is_public(str(address))}
    assert {is_host(text) for text in wrapped} == {is_host(str(address))}


@given(st.ip_addresses())
def test_what_is_public_is_a_host_and_no_private_one(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        assert is_host(str(address))
        assert address.is_global and not address.is_multicast
        assert not (address.is_loopback or address.is_link_local)


@pytest.mark.parametrize("text", ["::", "0.0.0.0", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0", "x"])
def test_nobody_listens_at(text: str) -> None:
    assert not is_host(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"])
def test_somebody_may_listen_at(text: str) -> None:
    assert is_host(text)
