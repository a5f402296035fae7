#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "http/exchange.h"
#include "http/server.h"
#include "net/address.h"
#include "net/listener.h"

namespace insula::gateway {

/// An issuer's server on a loopback port: answers every request as `answer` says.
class IssuerServer final : public http::Handler {
 public:
  using Answer = std::function<http::Response(const http::Request&)>;

  IssuerServer(Loop& loop, Answer answer, std::shared_ptr<net::TlsContext> tls = nullptr)
      : answer_(std::move(answer)),
        scheme_(tls == nullptr ? "http" : "https"),
        server_(std::make_unique<http::Server>(*this, http::ServerOptions{.tls = std::move(tls)})) {
    auto listener = net::Listener::bind(loop, net::Address::parse("127.0.0.1:0").value()).value();
    address_ = listener->address();
    server_->serve(std::move(listener));
  }

  Task<> handle(http::Exchange& exchange) override {
    asked_for_.push_back(exchange.request().target);
    static_cast<void>(co_await exchange.respond(answer_(exchange.request())));
  }

  [[nodiscard]] std::string url(std::string_view path) const {
    return scheme_ + "://" + address_.text() + std::string(path);
  }

  void set_answer(Answer answer) { answer_ = std::move(answer); }

  [[nodiscard]] const std::vector<std::string>& asked_for() const { return asked_for_; }

 private:
  Answer answer_;
  std::string scheme_;
  std::vector<std::string> asked_for_;
  net::Address address_;
  std::unique_ptr<http::Server> server_;
};

inline http::Response json_response(std::string body, http::Headers headers = {}) {
  http::Response response = http::make_response(200, "application/json", std::move(body));
  for (const auto& [name, value] : headers)
    response.headers.add(name, value);
  return response;
}

}  // namespace insula::gateway
