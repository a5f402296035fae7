#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "async/loop.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/resolve.h"
#include "net/stream.h"

namespace insula::net {
namespace {

TEST(Address, ReadsAndWritesEveryForm) {
  for (const char* text : {"127.0.0.1:80", "[::1]:443", "unix:/run/x.sock"}) {
    EXPECT_EQ(Address::parse(text).value().text(), text);
  }
  EXPECT_EQ(Address::parse("localhost:6443").value().text(), "127.0.0.1:6443");
  EXPECT_EQ(Address::parse(":8080").value().text(), "0.0.0.0:8080");
}

TEST(Resolve, FindsTheAddressesOfANameWithThePortAskedFor) {
  Loop loop;
  BlockingPool pool(1);
  const auto look_up = [&](std::string host) {
    std::vector<std::string> texts;
    run_until_complete(
        loop, [](BlockingPool& on, std::string name, std::vector<std::string>& out) -> Task<> {
          const auto found = co_await resolve(on, std::move(name), 8443);
          if (!found) out.push_back(found.error().message());
          for (const Address& address : found.value_or(std::vector<Address>()))
            out.push_back(address.text());
        }(pool, std::move(host), texts));
    return texts;
  };
  EXPECT_EQ(look_up("192.0.2.1"), std::vector<std::string>{"192.0.2.1:8443"});
  EXPECT_EQ(look_up("2001:db8::1"), std::vector<std::string>{"[2001:db8::1]:8443"});
  EXPECT_EQ(look_up("localhost"), std::vector<std::string>{"127.0.0.1:8443"});
  // Not in the spelling that is known without asking.
  const auto local = look_up("LocalHost");
  EXPECT_NE(std::ranges::find_if(local,
                                 [](const std::string& text) {
                                   return text == "127.0.0.1:8443" || text == "[::1]:8443";
                                 }),
            local.end());
  const auto none = look_up(std::string(64, 'a') + ".example");
  ASSERT_EQ(none.size(), 1U);
  EXPECT_TRUE(none[0].starts_with("look up a")) << none[0];
}

TEST(Address, RefusesWhatItCannotReadAndSaysWhatWouldBeRight) {
  for (const char* text : {"", "80", "example.com:80", "1.2.3.4:99999", "1.2.3.4:", "unix:"}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_EQ(address.error().code(), ErrorCode::kInvalid);
  }
}

TEST(Listener, SaysThatAnAddressIsInUse) {
  Loop loop;
  auto first = Listener::bind(loop, Address::parse("127.0.0.1:0").value());
  auto second = Listener::bind(loop, (*first)->address());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(second.error().message(), (*first)->address().text() + " is in use by another process");
}

}  // namespace
}  // namespace insula::net
