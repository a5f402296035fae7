#include "client/http_client.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "async/loop.h"
#include "client/status_error.h"
#include "client/watch_decoder.h"
#include "http/url.h"
#include "net/tls.h"

namespace insula::client {

namespace {

// Builds `path?a=b&c=d`, leaving out what is empty.
class Query {
 public:
  explicit Query(std::string path) : text_(std::move(path)) {}

  Query& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    text_ += first_ ? '?' : '&';
    first_ = false;
    text_ += name;
    text_ += '=';
    text_ += http::percent_encode(value);
    return *this;
  }

  Query& add(const WriteOptions& options) {
    add("fieldManager", options.field_manager);
    add("fieldValidation", options.field_validation);
    if (options.force) add("force", "true");
    if (options.dry_run) add("dryRun", "All");
    return *this;
  }

  Query& add_selectors(std::string_view labels, std::string_view fields) {
    return add("labelSelector", labels).add("fieldSelector", fields);
  }

  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  bool first_ = true;
};

class HttpWatch final : public WatchStream {
 public:
  HttpWatch(std::unique_ptr<http::ResponseStream> stream, Deadline deadline)
      : stream_(std::move(stream)), deadline_(deadline), buffer_(64 * 1024, '\0') {}

  Task<Result<WatchEvent>> next() override {
    for (;;) {
      if (std::optional<Result<WatchEvent>> event = decoder_.next()) co_return *std::move(event);
      const Result<std::size_t> count = co_await stream_->read(buffer_, deadline_);
      // An end in the middle, or silence past the agreed time: either way this stream is over.
      if (!count)
        co_return fail(ErrorCode::kUnavailable, "watch broke off: " + count.error().message());
      if (*count == 0) co_return fail(ErrorCode::kUnavailable, "watch ended");
      decoder_.feed(std::string_view(buffer_).substr(0, *count));
    }
  }

 private:
  std::unique_ptr<http::ResponseStream> stream_;
  Deadline deadline_;
  std::string buffer_;
  WatchDecoder decoder_{kWatchEventBytesMax};
};

}  // namespace

Result<std::unique_ptr<HttpClient>> HttpClient::make(const Kubeconfig& config,
                                                     HttpClientOptions options) {
  Result<http::Origin> origin = http::Origin::parse(config.server);
  if (!origin) return std::unexpected(std::move(origin).error().in("server " + config.server));
  http::ClientOptions http;
  http.connections_per_origin = kConnectionsMax;
  if (origin->tls) {
    if (!config.tls_server_name.empty()) origin->host = config.tls_server_name;
    net::TlsClientOptions tls;
    tls.ca = config.ca_pem;
    tls.certificate_chain = config.client_certificate_pem;
    tls.private_key = config.client_key_pem;
    INSULA_TRY(http.tls, net::TlsContext::client(tls));
  }
  return std::unique_ptr<HttpClient>(
      new HttpClient(*std::move(origin), std::move(http), config.token, std::move(options)));
}

HttpClient::HttpClient(http::Origin origin,
                       http::ClientOptions http,
                       std::string token,
                       HttpClientOptions options)
    : origin_(std::move(origin)),
      token_(std::move(token)),
      options_(std::move(options)),
      http_(std::move(http)) {}

namespace {

/// Most messages name the address already.
std::string about_server(const http::Origin& origin, const std::string& message) {
  const std::string where = origin.address.text();
  return message.starts_with(where) ? "API server " + message
                                    : fmt::format("API server {}: {}", where, message);
}

}  // namespace

http::Headers HttpClient::headers() const {
  http::Headers headers;
  headers.add("Accept", "application/json");
  headers.add("User-Agent", options_.user_agent);
  if (!token_.empty()) headers.add("Authorization", "Bearer " + token_);
  return headers;
}

Task<Result<std::string>> HttpClient::send(std::string method,
                                           std::string path_and_query,
                                           std::string body,
                                           std::string content_type) {
  http::Request request{std::move(method), std::move(path_and_query), headers(), std::move(body)};
  if (!content_type.empty()) request.headers.set("Content-Type", content_type);
  const Deadline deadline = Loop::current().now() + options_.request_timeout;
  Result<http::Response> response = co_await http_.send(origin_, std::move(request), deadline);
  if (!response) {
    if (response.error().code() == ErrorCode::kTimeout) {
      co_return std::unexpected(
          std::move(response).error().in("API server " + origin_.address.text()));
    }
    Error error(ErrorCode::kUnavailable, ErrorOrigin::kUpstream,
                about_server(origin_, response.error().message()));
    co_return std::unexpected(std::move(error).with_retry(response.error().retry()));
  }
  if (!response->ok()) co_return std::unexpected(error_of_answer(response->status, response->body));
  co_return std::move(response->body);
}

Task<Result<std::string>> HttpClient::get(Target target) {
  INSULA_CO_TRY_VOID(target.check_name());
  co_return co_await send("GET", target.path(), {}, {});
}

Task<Result<std::string>> HttpClient::list(Target target, ListOptions options) {
  Query query(target.path());
  query.add_selectors(options.label_selector, options.field_selector);
  if (options.limit > 0) query.add("limit", std::to_string(options.limit));
  query.add("continue", options.continue_token).add("resourceVersion", options.resource_version);
  query.add("resourceVersionMatch", options.resource_version_match);
  co_return co_await send("GET", std::move(query).take(), {}, {});
}

Task<Result<std::unique_ptr<WatchStream>>> HttpClient::watch(Target target, WatchOptions options) {
  Query query(target.path());
  query.add("watch", "true").add_selectors(options.label_selector, options.field_selector);
  query.add("resourceVersion", options.resource_version);
  if (options.bookmarks) query.add("allowWatchBookmarks", "true");
  if (options.send_initial_events)
    query.add("sendInitialEvents", "true").add("resourceVersionMatch", "NotOlderThan");
  query.add("timeoutSeconds", std::to_string(options_.watch_timeout.count()));

  const SteadyTime now = Loop::current().now();
  http::Request request{"GET", std::move(query).take(), headers(), {}};
  auto stream = co_await http_.open(origin_, std::move(request), now + options_.request_timeout);
  if (!stream) {
    co_return fail(ErrorCode::kUnavailable, about_server(origin_, stream.error().message()));
  }
  if ((*stream)->status() != 200) {
    const Result<std::string> body =
        co_await (*stream)->read_all(1 << 20, now + options_.request_timeout);
    co_return std::unexpected(
        error_of_answer((*stream)->status(), body ? std::string_view(*body) : std::string_view()));
  }
  const Deadline end = now + options_.watch_timeout + options_.request_timeout;
  co_return std::unique_ptr<WatchStream>(std::make_unique<HttpWatch>(*std::move(stream), end));
}

Task<Result<std::string>> HttpClient::create(Target target,
                                             std::string object,
                                             WriteOptions options) {
  if (!target.subresource.empty()) INSULA_CO_TRY_VOID(target.check_name());
  Query query(target.path());
  query.add(options);
  co_return co_await send("POST", std::move(query).take(), std::move(object), "application/json");
}

Task<Result<std::string>> HttpClient::update(Target target,
                                             std::string object,
                                             WriteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  Query query(target.path());
  query.add(options);
  co_return co_await send("PUT", std::move(query).take(), std::move(object), "application/json");
}

Task<Result<std::string>> HttpClient::patch(Target target,
                                            PatchType type,
                                            std::string body,
                                            WriteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  Query query(target.path());
  query.add(options);
  co_return co_await send("PATCH", std::move(query).take(), std::move(body),
                          std::string(content_type(type)));
}

Task<Result<std::string>> HttpClient::remove(Target target, DeleteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  co_return co_await send("DELETE", target.path(), options.json(), "application/json");
}

Task<Result<std::string>> HttpClient::remove_collection(Target target,
                                                        DeleteOptions options,
                                                        ListOptions select) {
  Query query(target.path());
  query.add_selectors(select.label_selector, select.field_selector);
  co_return co_await send("DELETE", std::move(query).take(), options.json(), "application/json");
}

}  // namespace insula::client
