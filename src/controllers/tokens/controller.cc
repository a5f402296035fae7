#include "controllers/tokens/controller.h"

#include <utility>

#include "client/typed.h"

namespace insula::controllers {

namespace {

std::string annotation(const api::ObjectMeta& meta, const char* name) {
  const auto found = meta.annotations.find(name);
  return found == meta.annotations.end() ? std::string() : found->second;
}

/// Fills `entry` of the Secret, unless somebody has put something there.
void fill(api::Secret& secret, const char* entry, const std::string& content) {
  std::string& present = secret.data[entry];
  if (present.empty()) present = content;
}

}  // namespace

TokenSecretController::TokenSecretController(client::Client& client,
                                             const controller::Runtime& runtime,
                                             Mirrors mirrors,
                                             std::string ca_pem,
                                             TokenMaker make_token)
    : client_(client),
      mirrors_(mirrors),
      ca_pem_(std::move(ca_pem)),
      make_token_(std::move(make_token)),
      controller_({.name = "serviceaccount-token", .workers = 1}, runtime, *this) {
  mirrors_.secrets.on_change([this](const api::Secret*, const api::Secret* after) {
    if (after != nullptr) controller_.enqueue(controller::key_of(*after));
  });
  mirrors_.accounts.on_change(
      [this](const api::ServiceAccount* before, const api::ServiceAccount* after) {
        if (before == nullptr) return;
        if (after != nullptr && after->metadata.uid == before->metadata.uid) return;
        for (const auto& [key, secret] : mirrors_.secrets.all()) {
          if (key.name_space == before->metadata.namespace_ &&
              annotation(secret->metadata, kAccountNameAnnotation) == before->metadata.name)
            controller_.enqueue(key);
        }
      });
}

void TokenSecretController::start() {
  controller_.start({&mirrors_.secrets, &mirrors_.accounts});
}

Task<Result<controller::Outcome>> TokenSecretController::reconcile(controller::Key key) {
  const auto secret = mirrors_.secrets.get(key);
  if (!secret || secret->type != kTokenSecretType || secret->metadata.deletion_timestamp)
    co_return controller::kDone;
  // Asked for anew: the mirror may not have seen an account that was made just before its Secret.
  const Result<api::ServiceAccount> account = co_await client::get<api::ServiceAccount>(
      client_, key.name_space, annotation(secret->metadata, kAccountNameAnnotation));
  if (!account && account.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(account.error());
  const std::string uid = annotation(secret->metadata, kAccountUidAnnotation);
  if (!account || (!uid.empty() && uid != account->metadata.uid)) {
    client::DeleteOptions same;
    same.precondition_uid = secret->metadata.uid;
    const Result<> removed =
        co_await client::remove<api::Secret>(client_, key.name_space, key.name, std::move(same));
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
    co_return controller::kDone;
  }
  api::Secret next = *secret;
  next.metadata.annotations[kAccountUidAnnotation] = account->metadata.uid;
  fill(next, "ca.crt", ca_pem_);
  fill(next, "namespace", key.name_space);
  if (next.data["token"].empty()) {
    INSULA_CO_TRY(next.data["token"], make_token_(*account, *secret));
  }
  if (next == *secret) co_return controller::kDone;
  INSULA_CO_TRY(const api::Secret stored, co_await client::update(client_, std::move(next)));
  mirrors_.secrets.observe(stored);
  co_return controller::kDone;
}

}  // namespace insula::controllers
