#include "gateway/provider_addresses.h"

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

net::Address ip(std::string_view text) {
  return net::Address::ip(text, 443).value();
}

AddressPolicy policy_of(std::vector<std::string> opened) {
  std::vector<net::Network> networks;
  networks.reserve(opened.size());
  for (const std::string& text : opened)
    networks.push_back(net::Network::parse(text).value());
  return AddressPolicy(std::move(networks));
}

TEST(AddressPolicy, OnlyTheInternetIsAskedUnlessANetworkIsOpened) {
  const AddressPolicy closed = policy_of({});
  const std::vector<net::Address> own = {ip("198.51.99.7").with_port(0)};
  EXPECT_TRUE(closed.check("p", ip("8.8.8.8"), true, own));
  for (const char* text : {"127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "fd00::1",
                           "::ffff:127.0.0.1", "198.51.99.7"}) {
    const auto checked = closed.check("p", ip(text), true, own);
    ASSERT_FALSE(checked) << text;
    EXPECT_EQ(checked.error().code(), ErrorCode::kForbidden);
    EXPECT_THAT(checked.error().message(), HasSubstr("--provider-network"));
  }
  EXPECT_FALSE(closed.check("p", ip("8.8.8.8"), false, own));

  const AddressPolicy opened = policy_of({"10.1.0.0/16"});
  EXPECT_TRUE(opened.check("p", ip("10.1.2.3"), true, own));
  EXPECT_TRUE(opened.check("p", ip("10.1.2.3"), false, own));
  EXPECT_FALSE(opened.check("p", ip("10.2.2.3"), true, own));
}

/// Answers what it is told.
class FakeResolver final : public HostResolver {
 public:
  Task<Result<std::vector<net::Address>>> resolve(std::string host, std::uint16_t port) override {
    ++look_ups;
    const auto found = hosts.find(host);
    if (found == hosts.end()) co_return fail(ErrorCode::kUpstream, "no such name");
    std::vector<net::Address> addresses;
    for (const std::string& text : found->second)
      addresses.push_back(net::Address::ip(text, port).value());
    co_return addresses;
  }

  int look_ups = 0;
  std::map<std::string, std::vector<std::string>> hosts;
};

class ProviderAddressesTest : public ::testing::Test {
 protected:
  static GatewayConfig config_of(const std::vector<std::string>& urls) {
    ModelConfig model{.name = "m"};
    for (const std::string& url : urls)
      model.backends.push_back({.service_host = url, .endpoints = {}, .provider = {{url}}});
    GatewayConfig config;
    config.tenants = {{.name = "t", .service_host = "s", .models = {model}}};
    return config;
  }

  /// What each backend gets, with all look-ups done that are due.
  std::vector<std::vector<std::string>> filled(GatewayConfig config) {
    addresses_.fill(config);
    settle();
    addresses_.fill(config);
    std::vector<std::vector<std::string>> endpoints;
    for (const BackendConfig& backend : config.tenants[0].models[0].backends)
      endpoints.push_back(backend.endpoints);
    return endpoints;
  }

  void settle() { run_until_complete(loop_, once()); }

  /// Turns of the loop after which everything has come to rest.
  static Task<> once() {
    constexpr int kTurns = 50;
    for (int turn = 0; turn < kTurns; ++turn)
      co_await yield();
  }

  void pass(std::chrono::nanoseconds time) {
    clock_.advance(time);
    settle();
  }

  testing::FakeClock clock_;
  Loop loop_{clock_};
  FakeResolver resolver_;
  MetricsRegistry registry_;
  ProviderAddresses addresses_{loop_, resolver_, policy_of({"10.0.0.0/8"}), registry_, {}};
};

TEST_F(ProviderAddressesTest, ABackendHasTheAddressesThatItsHostMayHave) {
  resolver_.hosts = {{"api.test", {"8.8.8.8", "127.0.0.1", "1.1.1.1", "8.8.8.8"}},
                     {"inside.test", {"10.1.1.1"}},
                     {"evil.test", {"169.254.169.254"}}};
  EXPECT_THAT(filled(config_of({"https://api.test/v1", "http://inside.test:8000",
                                "https://evil.test", "https://none.test", "http://api.test"})),
              ElementsAre(ElementsAre("1.1.1.1:443", "8.8.8.8:443"), ElementsAre("10.1.1.1:8000"),
                          IsEmpty(), IsEmpty(), IsEmpty()));
}

TEST_F(ProviderAddressesTest, OneThatHasAProblemIsNotLookedUp) {
  GatewayConfig config = config_of({"https://api.test"});
  config.tenants[0].models[0].backends[0].provider->problem = "no key";
  resolver_.hosts = {{"api.test", {"8.8.8.8"}}};
  EXPECT_THAT(filled(config), ElementsAre(IsEmpty()));
  EXPECT_EQ(resolver_.look_ups, 0);
}

TEST_F(ProviderAddressesTest, AddressesAreLookedUpAgainAndKeptWhenThatFails) {
  const GatewayConfig config = config_of({"https://api.test"});
  resolver_.hosts = {{"api.test", {"8.8.8.8"}}};
  EXPECT_THAT(filled(config), ElementsAre(ElementsAre("8.8.8.8:443")));
  ASSERT_TRUE(addresses_.changed().is_set());
  addresses_.changed().reset();

  resolver_.hosts.clear();
  pass(ProviderAddresses::kLifetime);
  EXPECT_FALSE(addresses_.changed().is_set());
  EXPECT_THAT(filled(config), ElementsAre(ElementsAre("8.8.8.8:443")));

  resolver_.hosts = {{"api.test", {"1.1.1.1"}}};
  pass(ProviderAddresses::kRetryTime);
  EXPECT_TRUE(addresses_.changed().is_set());
  EXPECT_THAT(filled(config), ElementsAre(ElementsAre("1.1.1.1:443")));

  // A name that is led to the platform afterwards leads nowhere.
  resolver_.hosts = {{"api.test", {"127.0.0.1"}}};
  pass(ProviderAddresses::kLifetime);
  EXPECT_THAT(filled(config), ElementsAre(IsEmpty()));
  EXPECT_THAT(registry_.expose(), HasSubstr("lookups_total{outcome=\"forbidden\"} 1"));
}

}  // namespace
}  // namespace insula::gateway
