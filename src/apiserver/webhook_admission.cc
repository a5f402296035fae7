#include "apiserver/webhook_admission.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/patch.h"
#include "apiserver/admission.h"
#include "apiserver/object_change.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "json/parse.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kApiVersion = "admission.k8s.io/v1";
constexpr std::string_view kKind = "AdmissionReview";
/// Warnings of one answer that are passed on, and how much of each: they become headers.
constexpr std::size_t kWarningsMax = 32;
constexpr std::size_t kWarningBytesMax = 256;

json::Value review_of(const WebhookQuestion& question,
                      const api::Kind& version,
                      const std::string& uid) {
  const AdmissionRequest& request = question.request;
  json::Object fields{{"uid", uid}};
  for (auto& [name, value] : request.fields_as(version))
    fields.set(name, value);
  fields["object"] = request.object.as(version);
  fields["oldObject"] = request.old.as(version);
  return json::Object{{"kind", kKind}, {"apiVersion", kApiVersion}, {"request", std::move(fields)}};
}

std::unexpected<Error> bad_answer(std::string_view why) {
  return fail(ErrorCode::kInternal, fmt::format("received invalid webhook response: {}", why));
}

/// The response of a well-formed answer. Errors: kInternal in Kubernetes' words.
Result<json::Value> response_of(const json::Value& answer, const std::string& uid) {
  const std::string_view version = answer["apiVersion"].text();
  const std::string_view kind = answer["kind"].text();
  if (version != kApiVersion || kind != kKind) {
    return bad_answer(fmt::format("expected webhook response of {}, Kind={}, got {}, Kind={}",
                                  kApiVersion, kKind, version.empty() ? "/" : version, kind));
  }
  const json::Value& response = answer["response"];
  if (!response.is_object()) return bad_answer("webhook response was absent");
  if (response["uid"].text() != uid) {
    return bad_answer(
        fmt::format("expected response.uid=\"{}\", got \"{}\"", uid, response["uid"].text()));
  }
  return response;
}

/// The patch of an answer, if it has one.
Result<std::optional<json::Value>> patch_of(const json::Value& response) {
  const std::string_view patch = response["patch"].text();
  const std::string_view type = response["patchType"].text();
  if (patch.empty() && type.empty()) return std::nullopt;
  if (type.empty()) return bad_answer("webhook returned response.patch but not response.patchType");
  if (patch.empty())
    return bad_answer("webhook returned response.patchType but not response.patch");
  if (type != "JSONPatch") return bad_answer(fmt::format("unsupported patch type \"{}\"", type));
  INSULA_TRY(const std::string text, api::base64_decode(patch));
  INSULA_TRY(json::Value value, json::parse(text));
  return value;
}

/// The beginning of a text, without a part of a character at its end.
std::string shortened(std::string_view text) {
  std::size_t size = std::min(text.size(), kWarningBytesMax);
  const auto inside = [&] { return (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U; };
  while (size > 0 && size < text.size() && inside())
    --size;
  return std::string(text.substr(0, size));
}

/// What a webhook that does not allow says.
Error refusal(const std::string& name, const json::Value& status) {
  const std::string_view message = status["message"].text();
  const std::string_view reason = status["reason"].text();
  std::string text = fmt::format("admission webhook \"{}\" denied the request", name);
  if (!message.empty()) {
    text += fmt::format(": {}", message);
  } else if (!reason.empty()) {
    text += fmt::format(": {}", reason);
  } else {
    text += " without explanation";
  }
  constexpr std::int64_t kLeast = 400;
  const std::int64_t code = std::max(kLeast, status["code"].as_int64().value_or(kLeast));
  return {error_code_of_status(static_cast<int>(code)), std::move(text)};
}

/// The object after the patch, of the stored kind.
Result<Object> patched(const WebhookQuestion& question,
                       const WebhookCall& call,
                       const json::Value& patch) {
  const api::Kind& stored = question.request.resource;
  const api::Kind& version = *call.version;
  const auto broken = [&](const Error& error) {
    return fail(ErrorCode::kInternal,
                fmt::format("Internal error occurred: applying the patch of admission webhook "
                            "\"{}\": {}",
                            call.webhook->name, error.message()));
  };
  Result<json::Value> document = api::apply_json_patch(question.request.object.as(version), patch);
  if (!document) return broken(document.error());
  Result<Object> next = changed_object(stored, version, question.object.get(), *std::move(document),
                                       api::Strictness::kIgnore);
  if (!next) return broken(next.error());
  if (!is_same_object(stored, question.object.get(), next->get())) {
    return fail(ErrorCode::kInternal,
                fmt::format("Internal error occurred: admission webhook \"{}\" attempted to change "
                            "the object's name, namespace or uid",
                            call.webhook->name));
  }
  return next;
}

void tell(const WebhookQuestion& question, const std::vector<std::string>& texts) {
  if (question.remarks.warnings == nullptr) return;
  for (const std::string& text : texts) {
    auto& warnings = *question.remarks.warnings;
    if (std::ranges::find(warnings, text) == warnings.end()) warnings.push_back(text);
  }
}

/// What a webhook wants to have in the audit log, under its name.
void annotate(const WebhookQuestion& question,
              const std::string& name,
              const json::Value& response) {
  const json::Object* notes = response["auditAnnotations"].as_object();
  if (notes == nullptr) return;
  std::size_t taken = 0;
  for (const auto& [key, value] : *notes) {
    if (taken++ == kWarningsMax) return;
    question.remarks.annotate(fmt::format("{}/{}", name, shortened(key)), shortened(value.text()));
  }
}

}  // namespace

Task<Result<ConstObject>> WebhookAdmission::mutate(WebhookQuestion& question,
                                                   Reinvocation& reinvocation) {
  const api::Kind& kind = question.request.resource;
  for (const WebhookCall& call : question.calls) {
    const std::string who = call.webhook->key();
    if (!reinvocation.wants(who)) continue;
    INSULA_CO_TRY(const Verdict verdict, co_await ask(question, call));
    tell(question, verdict.warnings);
    if (verdict.patch && !question.may_patch) {
      co_return fail(ErrorCode::kInternal,
                     fmt::format("Internal error occurred: admission webhook \"{}\" attempted to "
                                 "modify the object, which is not supported for this operation",
                                 call.webhook->name));
    }
    if (verdict.patch) {
      INSULA_CO_TRY(const Object next, patched(question, call, *verdict.patch));
      if (!kind.type.ops.equal(next.get(), question.object.get())) reinvocation.changed();
      question.object = next;
      question.request.object = AdmissionObject(kind, next.get());
    }
    if (verdict.asked) reinvocation.was_asked(who, call.webhook->again_if_changed);
  }
  co_return question.object;
}

Task<Result<>> WebhookAdmission::validate(const WebhookQuestion& question) {
  std::vector<Task<Result<Verdict>>> asked;
  asked.reserve(question.calls.size());
  for (const WebhookCall& call : question.calls)
    asked.push_back(ask(question, call));
  std::vector<Result<Verdict>> verdicts = co_await all(std::move(asked));
  for (const Result<Verdict>& verdict : verdicts) {
    if (!verdict) co_return std::unexpected(verdict.error());
    tell(question, verdict->warnings);
  }
  co_return Result<>{};
}

/// Asks if the webhook wants to be, and measures.
Task<Result<WebhookAdmission::Verdict>> WebhookAdmission::ask(const WebhookQuestion& question,
                                                              WebhookCall call) {
  const AdmissionRequest& request = question.request;
  const Result<bool> wanted = wants(call, request, question.name_space);
  if (!wanted) co_return forbidden(request.resource, request.name, wanted.error().message());
  if (!*wanted) co_return Verdict{};
  const SteadyTime began = Loop::current().now();
  Result<Verdict> verdict = co_await this->call(question, call);
  const Webhook& webhook = *call.webhook;
  if (metrics_) {
    const int status = verdict ? 200 : http_status(verdict.error().code());
    metrics_->record_call(webhook, request.operation, status, Loop::current().now() - began);
  }
  co_return verdict;
}

Task<Result<WebhookAdmission::Verdict>> WebhookAdmission::call(const WebhookQuestion& question,
                                                               WebhookCall call) {
  const Webhook& webhook = *call.webhook;
  const AdmissionOperation operation = question.request.operation;
  const std::string uid = random_uuid(random_);
  Result<json::Value> response =
      co_await client_.ask(call.webhook, review_of(question, *call.version, uid), uid);
  if (response) response = response_of(*response, uid);
  Result<std::optional<json::Value>> patch = std::nullopt;
  if (response && webhook.mutating) patch = patch_of(*response);
  if (!response || !patch) {
    if (webhook.ignores_failure) {
      if (metrics_) metrics_->record_fail_open(webhook);
      co_return Verdict{.asked = true, .patch = {}, .warnings = {}};
    }
    const Error& error = response ? patch.error() : response.error();
    if (metrics_) metrics_->record_rejection(webhook, operation, "calling_webhook_error", 500);
    co_return fail(ErrorCode::kInternal,
                   fmt::format("Internal error occurred: failed calling webhook \"{}\": {}",
                               webhook.name, error.message()));
  }
  annotate(question, webhook.name, *response);
  Verdict verdict{.asked = true, .patch = *std::move(patch), .warnings = {}};
  if (const json::Array* texts = (*response)["warnings"].as_array()) {
    for (const json::Value& text : *texts) {
      if (verdict.warnings.size() < kWarningsMax)
        verdict.warnings.push_back(shortened(text.text()));
    }
  }
  if ((*response)["allowed"].as_bool().value_or(false)) co_return verdict;
  // What it warns of belongs to the refusal, too.
  tell(question, verdict.warnings);
  Error error = refusal(webhook.name, (*response)["status"]);
  if (metrics_)
    metrics_->record_rejection(webhook, operation, "no_error", http_status(error.code()));
  co_return std::unexpected(std::move(error));
}

}  // namespace insula::apiserver
