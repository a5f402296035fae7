#include "node/pod_tokens.h"

#include <chrono>

#include "api/codec.h"
#include "api/gen/authentication_v1.h"
#include "client/typed.h"

namespace insula::node {

Task<Result<TokenTexts>> PodTokens::current(const api::Pod& pod, WallTime now) {
  TokenTexts texts;
  const std::set<TokenWanted> all = tokens_of(pod.spec);
  for (const TokenWanted& wanted : all) {
    const auto found = held_.find(wanted);
    if (found == held_.end() || now >= found->second.renew) {
      Result<Held> fresh = co_await request(pod, wanted, now);
      if (fresh) {
        held_[wanted] = *std::move(fresh);
      } else if (found == held_.end() || now >= found->second.end) {
        co_return std::unexpected(std::move(fresh).error());
      }
    }
    texts[wanted] = held_.at(wanted).text;
  }
  co_return texts;
}

Task<Result<PodTokens::Held>> PodTokens::request(api::Pod pod, TokenWanted wanted, WallTime now) {
  api::TokenRequest request;
  if (!wanted.audience.empty()) request.spec.audiences = {wanted.audience};
  request.spec.expiration_seconds = wanted.seconds;
  auto& bound = request.spec.bound_object_ref.emplace();
  bound.kind = "Pod";
  bound.api_version = "v1";
  bound.name = pod.metadata.name;
  bound.uid = pod.metadata.uid;
  const client::Target target{&api::kind_of<api::ServiceAccount>(), pod.metadata.namespace_,
                              pod.spec.service_account_name, "token"};
  INSULA_CO_TRY(const std::string answer,
                co_await client_.create(target, api::encode_json(request), {}));
  INSULA_CO_TRY(api::TokenRequest made, api::decode_json<api::TokenRequest>(answer));
  Held held;
  held.text = std::move(made.status.token);
  held.end = made.status.expiration_timestamp.wall();
  held.renew = now + (held.end - now) / 5 * 4;
  co_return held;
}

}  // namespace insula::node
