#include "net/network.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace insula::net {
namespace {

Address ip(std::string_view text) {
  return Address::ip(text, 443).value();
}

TEST(Network, HoldsTheAddressesOfItsPrefix) {
  struct Case {
    std::string_view network;
    std::string_view address;
    bool inside;
  };

  for (const Case& one : std::vector<Case>{
           {"10.0.0.0/8", "10.255.1.2", true},
           {"10.0.0.0/8", "11.0.0.0", false},
           {"10.96.0.0/12", "10.111.255.255", true},
           {"10.96.0.0/12", "10.112.0.0", false},
           {"127.0.0.1", "127.0.0.1", true},
           {"127.0.0.1", "127.0.0.2", false},
           {"10.0.0.0/8", "::ffff:10.1.2.3", true},
           {"0.0.0.0/0", "1.2.3.4", true},
           {"0.0.0.0/0", "2001:4860::1", false},
           {"fd00::/8", "fdab::1", true},
           {"fd00::/8", "fe80::1", false},
       }) {
    EXPECT_EQ(Network::parse(one.network).value().contains(ip(one.address)), one.inside)
        << one.network << " " << one.address;
  }
  EXPECT_FALSE(Network::parse("0.0.0.0/0").value().contains(Address::unix_path("/x").value()));
}

TEST(Network, RefusesWhatIsNone) {
  for (const char* text : {"", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "host/8",
                           "10.0.0/8", "10.0.0.0/8x"}) {
    EXPECT_EQ(Network::parse(text).error().code(), ErrorCode::kInvalid) << text;
  }
}

TEST(Network, OnlyAddressesOfTheInternetArePublic) {
  for (const char* text : {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1",
                           "::ffff:8.8.8.8", "2001:4860:4860::8888", "2606:4700::1111"}) {
    EXPECT_TRUE(is_public(ip(text))) << text;
  }
  for (const char* text : {"0.0.0.0",     "10.1.2.3",        "100.64.0.1",      "127.0.0.1",
                           "127.9.9.9",   "169.254.169.254", "172.16.0.1",      "192.168.1.1",
                           "198.18.0.1",  "224.0.0.1",       "255.255.255.255", "::",
                           "::1",         "::ffff:10.0.0.1", "::7f00:1",        "64:ff9b::a00:1",
                           "fc00::1",     "fd12::1",         "fe80::1",         "ff02::1",
                           "2001:db8::1", "2002:a00:1::",    "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(is_public(ip(text))) << text;
  }
  EXPECT_FALSE(is_public(Address::unix_path("/run/x").value()));
}

TEST(Network, KnowsTheMachinesOwnAddresses) {
  const std::vector<Address> own = own_addresses();
  EXPECT_NE(std::ranges::find(own, Address::ip("127.0.0.1", 0).value()), own.end());
}

}  // namespace
}  // namespace insula::net
