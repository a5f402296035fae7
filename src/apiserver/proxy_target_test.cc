#include "apiserver/proxy_target.h"

#include <array>

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

TEST(ProxyName, IsNamePortAndScheme) {
  struct Case {
    std::string_view text;
    bool tls;
    std::string_view name;
    std::string_view port;
  };

  for (const auto& [text, tls, name, port] : {
           Case{"x", false, "x", ""},
           Case{"x:80", false, "x", "80"},
           Case{"x:web", false, "x", "web"},
           Case{"x:", false, "x", ""},
           Case{":x:", false, "x", ""},
           Case{"http:x:80", false, "x", "80"},
           Case{"https:x:web", true, "x", "web"},
       }) {
    const auto parsed = ProxyName::parse("pod", text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->tls, tls) << text;
    EXPECT_EQ(parsed->name, name) << text;
    EXPECT_EQ(parsed->port, port) << text;
  }
  for (const char* text :
       {"", ":", "::", ":80", "HTTP:x:80", "ftp:x:80", "http:x:80:", "a:b:c:d"}) {
    const auto parsed = ProxyName::parse("pod", text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kBadRequest);
  }
}

TEST(ProxyTarget, IsNoAddressOfThisMachineOrOfALink) {
  const std::array own = {net::Address::ip("10.77.0.1", 0).value(),
                          net::Address::ip("fd00::1", 0).value()};
  const auto may = [&](const char* host) {
    return is_proxyable(net::Address::ip(host, 8080).value(), own);
  };
  for (const char* host : {"10.77.0.2", "192.168.1.1", "8.8.8.8", "fd00::2", "2001:db8::1"})
    EXPECT_TRUE(may(host)) << host;
  for (const char* host : {"10.77.0.1", "::ffff:10.77.0.1", "fd00::1", "127.0.0.1", "127.1.2.3",
                           "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "169.254.169.254", "fe80::1",
                           "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"})
    EXPECT_FALSE(may(host)) << host;
  EXPECT_FALSE(is_proxyable(net::Address::unix_path("/run/x.sock").value(), own));
}

}  // namespace
}  // namespace insula::apiserver
