// What a token costs the gateway: verified anew and out of the cache, beside OpenSSL's verification
// of the same signature alone. The bars are 2 us beyond OpenSSL, and 0.6 us for a cached token.

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/check.h"
#include "gateway/credentials.h"
#include "gateway/jwt.h"
#include "http/parser.h"
#include "jose/base64url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kSecret = "a shared secret of 32 bytes or more";
/// What an access token of a usual provider carries: half a kilobyte of claims.
constexpr std::string_view kClaims =
    R"({"exp":4102444800,"iat":1764100000,"auth_time":1764099990,"jti":"f24b1a6e-8e0d-4f43-9c1c-0d2f2f3a9d55","iss":"https://id.example/realms/x",)"
    R"("aud":["llm","account"],"sub":"7f0c1c1e-4d0a-4e0b-8a59-5f0d4d6f7f10","typ":"Bearer","azp":"chat","sid":"0b8f8a2a-2a57-4a8c-8a8e-3f5f2d1f6a11","acr":"1",)"
    R"("realm_access":{"roles":["offline_access","uma_authorization"]},"scope":"openid email profile","email_verified":true,"preferred_username":"ann"})";

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

using Context = std::unique_ptr<EVP_MD_CTX, ContextFree>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// A signed token and what OpenSSL is given of it.
class Signed {
 public:
  explicit Signed(std::string_view algorithm) : pss_(algorithm == "PS256") {
    std::string header = fmt::format(R"({{"alg":"{}","typ":"JWT","kid":"1"}})", algorithm);
    input_ = jose::base64url_encode(header) + "." + jose::base64url_encode(kClaims);
    if (algorithm == "HS256") {
      key_data_ = jose::JwsKey::from_secret(kSecret).value();
      signature_ = mac();
      token_ = input_ + "." + jose::base64url_encode(signature_);
      return;
    }
    key_.reset(algorithm == "EdDSA"   ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
               : algorithm == "ES256" ? EVP_EC_gen("P-256")
                                      : EVP_RSA_gen(2048));
    digest_ = algorithm == "EdDSA" ? nullptr : EVP_sha256();
    sign();
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key_.get());
    char* pem = nullptr;
    const long size = BIO_get_mem_data(bio, &pem);
    key_data_ = jose::JwsKey::from_public_pem({pem, static_cast<std::size_t>(size)}).value();
    BIO_free(bio);
    token_ = input_ + "." +
             jose::base64url_encode(algorithm == "ES256" ? fixed_size(signature_) : signature_);
  }

  [[nodiscard]] const std::string& token() const { return token_; }

  [[nodiscard]] JwtIssuer issuer() const {
    jose::JwsKey key = *key_data_;
    key.set_id("1");
    return {"https://id.example/realms/x", {"llm"}, {key}};
  }

  [[nodiscard]] bool verify_raw() const {
    if (key_ == nullptr) return mac() == signature_;
    const Context context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    EVP_DigestVerifyInit(context.get(), &options, digest_, nullptr, key_.get());
    set_padding(options);
    return EVP_DigestVerify(context.get(), bytes_of(signature_), signature_.size(),
                            bytes_of(input_), input_.size()) == 1;
  }

 private:
  void set_padding(EVP_PKEY_CTX* options) const {
    if (!pss_) return;
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  }

  void sign() {
    const Context context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    EVP_DigestSignInit(context.get(), &options, digest_, nullptr, key_.get());
    set_padding(options);
    signature_.resize(512);
    std::size_t size = signature_.size();
    INSULA_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature_.data()),
                                &size, bytes_of(input_), input_.size()) == 1);
    signature_.resize(size);
  }

  [[nodiscard]] std::string mac() const {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()), bytes_of(input_),
         input_.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
    out.resize(size);
    return out;
  }

  static std::string fixed_size(std::string_view der) {
    const unsigned char* cursor = bytes_of(der);
    ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size()));
    std::string raw(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), out + 32, 32);
    ECDSA_SIG_free(parsed);
    return raw;
  }

  bool pss_;
  std::unique_ptr<EVP_PKEY, KeyFree> key_;
  const EVP_MD* digest_ = nullptr;
  std::string input_;
  std::string signature_;
  std::string token_;
  std::optional<jose::JwsKey> key_data_;
};

constexpr std::string_view kAlgorithms[] = {"HS256", "RS256", "PS256", "ES256", "EdDSA"};

const Signed& signed_by(std::string_view algorithm) {
  static std::map<std::string_view, std::unique_ptr<Signed>> all;
  auto& one = all[algorithm];
  if (one == nullptr) one = std::make_unique<Signed>(algorithm);
  return *one;
}

void raw(benchmark::State& state, std::string_view algorithm) {
  const Signed& given = signed_by(algorithm);
  INSULA_CHECK(given.verify_raw());
  for (auto _ : state)
    benchmark::DoNotOptimize(given.verify_raw());
}

void uncached(benchmark::State& state, std::string_view algorithm) {
  const Signed& given = signed_by(algorithm);
  const std::vector<JwtIssuer> issuers = {given.issuer()};
  const WallTime now = system_clock().wall();
  const auto verified = verify_jwt(given.token(), issuers, now);
  INSULA_CHECK(verified.has_value(), verified ? std::string() : verified.error().message());
  for (auto _ : state)
    benchmark::DoNotOptimize(verify_jwt(given.token(), issuers, now));
}

/// All of it, from the parsed head of the request.
void cached(benchmark::State& state, std::string_view algorithm) {
  const Signed& given = signed_by(algorithm);
  Snapshot snapshot;
  snapshot.tenants["t"] = {.name = "t", .issuers = {given.issuer()}, .auth_scope = 1};
  const std::string text =
      "POST /t/v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + given.token() +
      "\r\nContent-Type: application/json\r\n\r\n";
  http::RequestHead head;
  INSULA_CHECK(http::parse_request(text, 0, {}, head) == http::ParseStatus::kComplete);
  TokenCache cache;
  const Tenant& tenant = *snapshot.find("t");
  const WallTime now = system_clock().wall();
  INSULA_CHECK(authenticate(head, snapshot, tenant, cache, now).has_value());
  for (auto _ : state)
    benchmark::DoNotOptimize(authenticate(head, snapshot, tenant, cache, now));
}

class Collector : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      microseconds_[run.benchmark_name()] = run.GetAdjustedCPUTime() / 1000;
  }

  [[nodiscard]] std::string line() const {
    json::Value out = json::Object{{"bench", "jwt"}};
    const auto rounded = [](double value) { return std::round(value * 100) / 100; };
    for (const auto& [name, time] : microseconds_)
      out[name + "_us"] = rounded(time);
    for (const std::string_view algorithm : kAlgorithms) {
      const auto uncached_time = microseconds_.find(fmt::format("uncached_{}", algorithm));
      const auto raw_time = microseconds_.find(fmt::format("raw_{}", algorithm));
      if (uncached_time == microseconds_.end() || raw_time == microseconds_.end()) continue;
      out[fmt::format("beyond_openssl_{}_us", algorithm)] =
          rounded(uncached_time->second - raw_time->second);
    }
    return json::write(out);
  }

 private:
  std::map<std::string, double> microseconds_;
};

}  // namespace
}  // namespace insula::gateway

int main(int argc, char** argv) {
  using namespace insula::gateway;
  benchmark::Initialize(&argc, argv);
  for (const std::string_view algorithm : kAlgorithms) {
    const auto add = [&](std::string_view name, auto function) {
      benchmark::RegisterBenchmark(fmt::format("{}_{}", name, algorithm).c_str(),
                                   [=](benchmark::State& state) { function(state, algorithm); });
    };
    add("raw", raw);
    add("uncached", uncached);
  }
  benchmark::RegisterBenchmark("cached_RS256",
                               [](benchmark::State& state) { cached(state, "RS256"); });
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  fmt::print("{}\n", collector.line());
  return 0;
}
