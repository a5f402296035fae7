#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "apiserver/webhook_index.h"
#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/client.h"
#include "json/value.h"
#include "store/store.h"

namespace insula::apiserver {

/// Carries questions to webhooks, over pooled connections. A Service is reached at its ready
/// endpoints in turn, which this server's network leads to; its certificate must be for
/// NAME.NAMESPACE.svc.
///
/// Lifetime: the store outlives it, it outlives its tasks. Threads: the store's loop.
class WebhookClient {
 public:
  explicit WebhookClient(store::Store& store) : store_(store) {}

  /// Sends an AdmissionReview and returns the body of the answer. `uid` names the question: asking
  /// it twice does no harm.
  /// Errors: kInternal in Kubernetes' words, but for the webhook's name before them.
  Task<Result<json::Value>> ask(WebhookPtr webhook, json::Value review, std::string uid);

 private:
  /// Connections under one set of authorities.
  using ClientPtr = std::shared_ptr<http::Client>;

  Result<ClientPtr> client_for(const std::string& authorities);
  Task<Result<http::Origin>> origin_of(const Webhook& webhook, Deadline deadline);
  Result<http::Origin> origin_of_service(const api::ServiceReference& service);

  store::Store& store_;
  std::map<std::string, ClientPtr, std::less<>> clients_;
  /// Made with the first name that has to be looked up.
  std::unique_ptr<BlockingPool> resolver_;
  /// Which of a Service's endpoints is next.
  std::size_t turn_ = 0;
};

}  // namespace insula::apiserver
