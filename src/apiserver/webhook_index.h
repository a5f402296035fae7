#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/custom/kind_catalog.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/kind.h"
#include "apiserver/admission_expression.h"
#include "apiserver/admission_request.h"
#include "apiserver/store_mirror.h"
#include "store/store.h"

namespace insula::apiserver {

/// A webhook of either sort, ready to be asked. Immutable.
struct Webhook {
  bool mutating = false;
  std::string configuration;
  std::string name;
  api::WebhookClientConfig client;
  std::vector<api::NamedRuleWithOperations> rules;
  api::Box<api::LabelSelector> namespaces;
  api::Box<api::LabelSelector> objects;
  bool equivalent = true;
  bool ignores_failure = false;
  bool again_if_changed = false;
  std::chrono::seconds timeout{};
  NamedExpressions conditions;

  /// Tells it from all others, and from policies.
  [[nodiscard]] std::string key() const { return "webhook/" + configuration + "/" + name; }
};

using WebhookPtr = std::shared_ptr<const Webhook>;

/// Someone to ask about a request, and the version of the resource that it is about to them.
struct WebhookCall {
  WebhookPtr webhook;
  const api::Kind* version = nullptr;
};

/// The webhooks there are, by the names of their configurations and then as these list them.
///
/// Mirrors the stored objects. Lifetime: store and catalog outlive it. Threads: the store's loop.
class WebhookIndex final : private StoreMirror::Index {
 public:
  WebhookIndex(store::Store& store, api::KindCatalog& kinds);

  /// Those whose rules and selectors the request meets; their conditions are left to be asked.
  [[nodiscard]] std::vector<WebhookCall> find(const store::Transaction& transaction,
                                              const AdmissionRequest& request,
                                              bool mutating);

  [[nodiscard]] bool empty();

 private:
  void clear() override { by_configuration_.clear(); }

  void apply(const api::Kind& kind, const store::Entry& entry) override;

  api::KindCatalog& kinds_;
  StoreMirror mirror_;
  std::map<std::string, std::vector<WebhookPtr>> by_configuration_;  // by store key
};

/// What a condition or a selector makes of the object as it is by now: whether the webhook is to be
/// asked. `name_space` is the object's namespace as JSON.
/// Errors: kInvalid when a condition cannot be evaluated and the webhook does not ignore failures.
[[nodiscard]] Result<bool> wants(const WebhookCall& call,
                                 const AdmissionRequest& request,
                                 const json::Value& name_space);

}  // namespace insula::apiserver
