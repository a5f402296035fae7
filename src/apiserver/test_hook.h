#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/codec.h"
#include "async/event.h"
#include "http/server.h"
#include "json/parse.h"
#include "json/write.h"
#include "net/tls.h"

namespace insula::apiserver {

/// A webhook's server. What it answers is up to the test: the response for a request, or bytes.
class Hook final : public http::Handler {
 public:
  using Respond = std::function<json::Object(const json::Value& request)>;

  /// `certificate` and `key` as PEM.
  Hook(Loop& loop, const std::string& certificate, const std::string& key) {
    auto listener = *net::Listener::bind(loop, *net::Address::parse("127.0.0.1:0"));
    port = listener->address().port();
    http::ServerOptions options;
    options.tls =
        net::TlsContext::server({.certificate_chain = certificate, .private_key = key}).value();
    server = std::make_unique<http::Server>(*this, options);
    server->serve(std::move(listener));
  }

  Task<> handle(http::Exchange& exchange) override {
    targets.push_back(exchange.request().target);
    const std::string body = *co_await exchange.body(1 << 20);
    const json::Value review = *json::parse(body);
    requests.push_back(review["request"]);
    if (hangs) co_await never.wait();
    std::string answer;
    if (raw) {
      answer = *raw;
    } else {
      json::Object response = respond(review["request"]);
      if (!response.contains("uid")) response["uid"] = review["request"]["uid"];
      answer = json::write(json::Object{{"apiVersion", "admission.k8s.io/v1"},
                                        {"kind", "AdmissionReview"},
                                        {"response", std::move(response)}});
    }
    (void)co_await exchange.respond(
        http::make_response(status, "application/json", std::move(answer)));
  }

  /// The clientConfig of a webhook, as JSON, that trusts the certificates of `authority`, in PEM.
  [[nodiscard]] std::string client(std::string_view authority) const {
    return fmt::format(R"({{"url":"https://127.0.0.1:{}/review","caBundle":"{}"}})", port,
                       api::base64_encode(authority));
  }

  static json::Object allow(const json::Value&) { return {{"allowed", true}}; }

  static json::Object with_patch(std::string_view patch) {
    return {{"allowed", true}, {"patchType", "JSONPatch"}, {"patch", api::base64_encode(patch)}};
  }

  void patch(std::string text) {
    respond = [text](const json::Value&) { return with_patch(text); };
  }

  Respond respond = allow;
  std::optional<std::string> raw;
  int status = 200;
  bool hangs = false;
  Event never;
  std::vector<json::Value> requests;
  std::vector<std::string> targets;
  std::uint16_t port = 0;
  std::unique_ptr<http::Server> server;
};

}  // namespace insula::apiserver
