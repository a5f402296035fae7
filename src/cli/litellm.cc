#include "cli/litellm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/platform_objects.h"
#include "api/validation/kinds.h"
#include "cli/litellm_budget.h"
#include "cli/litellm_number.h"
#include "cli/litellm_provider.h"
#include "cli/litellm_reasons.h"
#include "cli/output.h"
#include "json/yaml.h"

namespace insula::cli {
namespace {

constexpr std::string_view kFromEnvironment = "os.environ/";
constexpr const char* kSecretName = "litellm-keys";
constexpr const char* kSettings = "litellm_settings";
constexpr std::size_t kBackendsMax = 8;
constexpr std::int64_t kWeightScale = 100;
constexpr std::int64_t kMinutesPerHour = 60;
constexpr double kTokensPerPrice = 1e6;
constexpr std::string_view kNoCount = "it is no whole number of at least 0";

/// Settings of a model that are translated, in `litellm_params`.
constexpr std::array<std::string_view, 15> kParams = {"model",
                                                      "api_base",
                                                      "api_key",
                                                      "api_version",
                                                      "weight",
                                                      "rpm",
                                                      "tpm",
                                                      "max_parallel_requests",
                                                      "extra_headers",
                                                      "organization",
                                                      "input_cost_per_token",
                                                      "output_cost_per_token",
                                                      "cache_read_input_token_cost",
                                                      kLitellmBudget.amount,
                                                      kLitellmBudget.duration};
/// Of litellm_settings, what add_budgets() translates.
constexpr std::array<std::string_view, 4> kBudgetKeys = {
    kLitellmBudget.amount, kLitellmBudget.duration, kLitellmUserBudget.amount,
    kLitellmUserBudget.duration};
constexpr std::array<std::string_view, 3> kCosts = {"input_cost_per_token", "output_cost_per_token",
                                                    "cache_read_input_token_cost"};
/// Of model_info, what only describes the model.
constexpr std::array<std::string_view, 4> kDescriptions = {"id", "mode", "description",
                                                           "base_model"};
constexpr std::array<std::string_view, 3> kFallbackKeys = {"fallbacks", "default_fallbacks",
                                                           "model_group_alias"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

const json::Array& array_of(const json::Value* value) {
  static const json::Array none;
  const json::Array* array = value == nullptr ? nullptr : value->as_array();
  return array == nullptr ? none : *array;
}

const json::Object& object_of(const json::Value* value) {
  static const json::Object none;
  const json::Object* object = value == nullptr ? nullptr : value->as_object();
  return object == nullptr ? none : *object;
}

/// A scalar as text: numbers are common where a text is meant, as in `api_version: 2024`.
std::string text_of(const json::Value* value) {
  if (value == nullptr) return {};
  if (const std::string* text = value->as_string(); text != nullptr) return *text;
  if (const auto whole = value->as_int64(); whole) return std::to_string(*whole);
  return {};
}

/// What the API would say of a model, in one line; empty: nothing.
std::string complaint_about(api::TenantModel model) {
  api::Tenant tenant;
  tenant.spec.gateway.models.push_back(std::move(model));
  api::FieldErrors errors;
  validate(tenant, errors);
  std::string text;
  for (const FieldCause& cause : std::move(errors).take()) {
    constexpr std::string_view kModel = "spec.gateway.models[0].";
    constexpr std::string_view kBackend = "backends[0].";
    std::string_view field = cause.field;
    if (!field.starts_with(kModel)) continue;  // of the rest, which is not there yet
    field.remove_prefix(kModel.size());
    if (field.starts_with(kBackend)) field.remove_prefix(kBackend.size());
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", field, cause.message);
  }
  return text;
}

/// One translation.
class Importer {
 public:
  explicit Importer(const LitellmOptions& options) : options_(options) {}

  Result<LitellmImport> run(const std::vector<json::Value>& documents);

 private:
  Result<> look_through(const std::vector<json::Value>& documents);
  void look_into_config_map(const json::Object& object);
  void note_secret(const json::Object& object);
  void note(std::string_view where, std::string_view why);
  void add_models(const json::Object& config);
  void add_entry(const json::Value& entry, const std::string& where);
  Result<api::TenantBackend> backend_of(const json::Object& params, const std::string& where);
  void add_headers(const json::Object& params,
                   const std::string& where,
                   api::TenantProvider& provider);
  void add_limits(const json::Object& params, const std::string& where, api::TenantModel& model);
  double weight_of(const json::Object& params, const std::string& where);
  void add_budget(const json::Object& settings,
                  const std::string& where,
                  const LitellmBudgetKeys& keys,
                  api::TenantBudget& budget);
  void add_budgets(const json::Object& settings);
  void note_unpriced();
  void add_price(const std::string& model,
                 const json::Object& params,
                 const json::Object& info,
                 const std::string& where);
  std::optional<std::string> resolve(const std::string& text);
  api::TenantKeyRef key_ref(const std::string& text, const std::string& where);
  void add_fallbacks(const json::Object& settings, const std::string& where);
  void add_fallback(const std::string& model,
                    const std::string& fallback,
                    const std::string& where);
  void add_default_fallback(const std::string& fallback, const std::string& where);
  void add_aliases(const json::Object& settings, const std::string& where);
  void note_rest(const json::Object& config);
  void note_section(const json::Object& section, const std::string& where);
  void settle_weights();
  void drop_unused_keys();
  api::TenantModel* find(const std::string& name);

  const LitellmOptions& options_;
  LitellmImport out_;
  json::Value config_;
  std::string name_space_;  // of the ConfigMap that it is in
  std::map<std::string, std::string> own_environment_;
  std::map<std::string, std::string> secrets_by_entry_;  // names of Secrets in the file
  std::map<std::string, std::vector<double>> weights_;   // by model, of each backend
  std::set<std::string> with_own_fallbacks_;
  std::size_t literal_keys_ = 0;
};

/// One line each, whatever the file has in its names.
void Importer::note(std::string_view where, std::string_view why) {
  std::string line = fmt::format("{}: {}", where, why);
  std::ranges::replace_if(line, [](unsigned char c) { return c < 0x20; }, ' ');
  out_.notes.push_back(std::move(line));
}

api::TenantModel* Importer::find(const std::string& name) {
  auto& models = out_.tenant.spec.gateway.models;
  const auto found = std::ranges::find(models, name, &api::TenantModel::name);
  return found == models.end() ? nullptr : &*found;
}

/// The configuration in a ConfigMap, if one is.
void Importer::look_into_config_map(const json::Object& object) {
  for (const auto& [entry, value] : object_of(object.find("data"))) {
    const auto inner = json::parse_yaml_document(text_of(&value));
    if (!inner || !object_of(&*inner).contains("model_list")) continue;
    config_ = *inner;
    name_space_ = text_of(object_of(object.find("metadata")).find("namespace"));
  }
}

void Importer::note_secret(const json::Object& object) {
  const std::string name = text_of(object_of(object.find("metadata")).find("name"));
  for (const char* part : {"data", "stringData"}) {
    for (const auto& [entry, value] : object_of(object.find(part)))
      secrets_by_entry_[entry] = name;
  }
}

/// Finds the configuration, by itself or in a ConfigMap, and takes note of Secrets beside it.
Result<> Importer::look_through(const std::vector<json::Value>& documents) {
  for (const json::Value& document : documents) {
    const json::Object& object = object_of(&document);
    const std::string kind = text_of(object.find("kind"));
    if (object.contains("model_list")) config_ = document;
    if (kind == "ConfigMap") look_into_config_map(object);
    if (kind == "Secret") note_secret(object);
  }
  if (config_.as_object() == nullptr) {
    return fail(ErrorCode::kInvalid,
                "there is no model_list, neither at the top nor in a ConfigMap");
  }
  out_.tenant.metadata.name = options_.tenant.empty() ? name_space_ : options_.tenant;
  if (out_.tenant.metadata.name.empty())
    return fail(ErrorCode::kInvalid, "--tenant: whose models they become must be said");
  return {};
}

Result<LitellmImport> Importer::run(const std::vector<json::Value>& documents) {
  INSULA_TRY_VOID(look_through(documents));
  const json::Object& config = object_of(&config_);
  for (const auto& [name, text] : object_of(config.find("environment_variables")))
    own_environment_[name] = text_of(&text);
  add_models(config);
  for (const char* section : {"router_settings", kSettings})
    add_aliases(object_of(config.find(section)), section);
  for (const char* section : {"router_settings", kSettings})
    add_fallbacks(object_of(config.find(section)), section);
  add_budgets(object_of(config.find(kSettings)));
  settle_weights();
  drop_unused_keys();
  note_unpriced();
  note_rest(config);
  return std::move(out_);
}

void Importer::add_models(const json::Object& config) {
  std::size_t at = 0;
  for (const json::Value& entry : array_of(config.find("model_list")))
    add_entry(entry, fmt::format("model_list[{}]", at++));
}

void Importer::add_entry(const json::Value& entry, const std::string& where) {
  const json::Object& object = object_of(&entry);
  const json::Object& params = object_of(object.find("litellm_params"));
  const json::Object& info = object_of(object.find("model_info"));
  const std::string name = text_of(object.find("model_name"));
  if (name.empty() || name.contains('*'))
    return note(where + ".model_name", "a list names each model; a wildcard has no counterpart");
  auto backend = backend_of(params, where);
  if (!backend) return note(where, backend.error().message());
  api::TenantModel alone;
  alone.name = name;
  alone.backends.push_back(*backend);
  if (const std::string why = complaint_about(std::move(alone)); !why.empty())
    return note(where, why);
  api::TenantModel* model = find(name);
  if (model == nullptr) {
    model = &out_.tenant.spec.gateway.models.emplace_back();
    model->name = name;
  }
  if (model->backends.size() == kBackendsMax)
    return note(where, fmt::format("a model has {} backends at most", kBackendsMax));
  add_limits(params, where, *model);
  add_budget(params, where + ".litellm_params", kLitellmBudget, model->budget);
  model->backends.push_back(*std::move(backend));
  weights_[name].push_back(weight_of(params, where));
  add_price(name, params, info, where);
  for (const auto& [key, value] : params) {
    if (!is_one_of(kParams, key))
      note(fmt::format("{}.litellm_params.{}", where, key), litellm_reason(key));
  }
  for (const auto& [key, value] : info) {
    if (!is_one_of(kCosts, key) && !is_one_of(kDescriptions, key))
      note(fmt::format("{}.model_info.{}", where, key), litellm_reason(key));
  }
}

Result<api::TenantBackend> Importer::backend_of(const json::Object& params,
                                                const std::string& where) {
  const std::string asked = text_of(params.find("model"));
  if (asked.empty()) return fail(ErrorCode::kInvalid, "there is no litellm_params.model");
  const std::string given_base = text_of(params.find("api_base"));
  const auto base = resolve(given_base);
  if (!base) {
    return fail(ErrorCode::kInvalid,
                fmt::format("api_base: {} is not in the environment of this command",
                            given_base.substr(kFromEnvironment.size())));
  }
  const auto version = resolve(text_of(params.find("api_version")));
  INSULA_TRY(const LitellmTarget target, litellm_target(asked, *base, version.value_or("")));
  if (!target.note.empty()) note(where, target.note);
  api::TenantBackend backend;
  backend.model = target.model;
  api::TenantProvider& provider = backend.provider.emplace();
  provider.base_url = target.base_url;
  provider.api_key_header = target.key_header;
  if (const std::string key = text_of(params.find("api_key")); !key.empty())
    provider.api_key_ref = key_ref(key, where);
  add_headers(params, where, provider);
  if (const json::Value* most = params.find("max_parallel_requests"); most != nullptr) {
    backend.concurrent_requests_per_endpoint = litellm_count(most);
    if (!backend.concurrent_requests_per_endpoint)
      note(where + ".litellm_params.max_parallel_requests", kNoCount);
  }
  if (provider.base_url.starts_with("http://"))
    note(where, "plain http: insula up must be told the network with --provider-network");
  return backend;
}

void Importer::add_headers(const json::Object& params,
                           const std::string& where,
                           api::TenantProvider& provider) {
  if (const std::string organization = text_of(params.find("organization")); !organization.empty())
    provider.headers.push_back({.name = "OpenAI-Organization", .value = organization});
  for (const auto& [name, value] : object_of(params.find("extra_headers"))) {
    const std::string text = text_of(&value);
    if (text.starts_with(kFromEnvironment)) {
      note(fmt::format("{}.litellm_params.extra_headers.{}", where, name),
           "a header's value is no secret here and must be written out");
    } else {
      provider.headers.push_back({.name = name, .value = text});
    }
  }
}

/// A model's limits are the sums of its deployments', if each has one.
void Importer::add_limits(const json::Object& params,
                          const std::string& where,
                          api::TenantModel& model) {
  const bool is_first = model.backends.empty();
  const auto add = [&](const char* key, std::optional<std::int64_t>& limit, std::int64_t factor) {
    const json::Value* value = params.find(key);
    const auto number = litellm_count(value);
    if (value != nullptr && !number)
      note(fmt::format("{}.litellm_params.{}", where, key), kNoCount);
    if (!is_first && number.has_value() != limit.has_value()) {
      note(fmt::format("{}.litellm_params.{}", where, key),
           fmt::format("not all deployments of {} have one, so the model has none", model.name));
    }
    const bool has_all = number && (is_first || limit);
    limit = has_all ? std::optional(limit.value_or(0) + *number * factor) : std::nullopt;
  };
  add("rpm", model.rate_limit.requests_per_hour, kMinutesPerHour);
  add("tpm", model.rate_limit.tokens_per_minute, 1);
}

double Importer::weight_of(const json::Object& params, const std::string& where) {
  const json::Value* value = params.find("weight");
  const auto weight = litellm_number(value);
  if (value != nullptr && !weight) note(where + ".litellm_params.weight", "it is no number");
  return weight.value_or(1);
}

void Importer::add_budget(const json::Object& settings,
                          const std::string& where,
                          const LitellmBudgetKeys& keys,
                          api::TenantBudget& budget) {
  const std::string why = add_litellm_budget(settings, keys, budget);
  if (!why.empty()) note(fmt::format("{}.{}", where, keys.amount), why);
}

/// The proxy's budget is the tenant's, and an internal user's a member's.
void Importer::add_budgets(const json::Object& settings) {
  api::TenantGateway& gateway = out_.tenant.spec.gateway;
  add_budget(settings, kSettings, kLitellmBudget, gateway.budget);
  add_budget(settings, kSettings, kLitellmUserBudget, gateway.member_budget);
}

/// Where money is limited, what has no price is refused.
void Importer::note_unpriced() {
  const auto limits_money = [](const api::TenantBudget& budget) {
    return !budget.spend_per_day.empty() || !budget.spend_per_month.empty();
  };
  const api::TenantGateway& gateway = out_.tenant.spec.gateway;
  const bool all = limits_money(gateway.budget) || limits_money(gateway.member_budget);
  for (const api::TenantModel& model : gateway.models) {
    const bool is_limited = all || limits_money(model.budget);
    if (is_limited && !out_.prices.models.contains(model.name)) {
      note(model.name,
           "it has a budget of money and no price, and is refused until it has one "
           "(insula price set)");
    }
  }
}

void Importer::add_price(const std::string& model,
                         const json::Object& params,
                         const json::Object& info,
                         const std::string& where) {
  const auto cost = [&](std::string_view key) -> std::optional<std::int64_t> {
    const json::Value* value = params.find(key);
    if (value == nullptr) value = info.find(key);
    const auto number = litellm_number(value);
    if (!number) return std::nullopt;
    return std::llround(*number * kTokensPerPrice * static_cast<double>(gateway::kMicrosPerUnit));
  };
  const auto prompt = cost("input_cost_per_token");
  const auto completion = cost("output_cost_per_token");
  if (!prompt && !completion) return;
  gateway::ModelPrice price{.prompt = prompt.value_or(0), .completion = completion.value_or(0)};
  price.cached = cost("cache_read_input_token_cost").value_or(price.prompt);
  const bool is_price =
      std::min({price.prompt, price.cached, price.completion}) >= 0 &&
      std::max({price.prompt, price.cached, price.completion}) <= gateway::kPriceMax;
  if (!is_price) return note(where, "its costs are no prices from 0 to a million a token");
  out_.prices.currency = gateway::kCurrencyDefault;
  const auto [known, is_new] = out_.prices.models.try_emplace(model, price);
  if (!is_new && known->second != price)
    note(where, fmt::format("{} costs what its first deployment costs", model));
}

/// Nothing when it names a variable that has no value.
std::optional<std::string> Importer::resolve(const std::string& text) {
  if (!text.starts_with(kFromEnvironment)) return text;
  const std::string name = text.substr(kFromEnvironment.size());
  const auto own = own_environment_.find(name);
  if (own != own_environment_.end() && !own->second.starts_with(kFromEnvironment))
    return own->second;
  return options_.environment(name);
}

api::TenantKeyRef Importer::key_ref(const std::string& text, const std::string& where) {
  api::TenantKeyRef ref;
  ref.name = kSecretName;
  const bool is_named = text.starts_with(kFromEnvironment);
  ref.key =
      is_named ? text.substr(kFromEnvironment.size()) : fmt::format("key-{}", ++literal_keys_);
  if (is_named) {
    if (const auto there = secrets_by_entry_.find(ref.key); there != secrets_by_entry_.end()) {
      ref.name = there->second;
      return ref;
    }
  }
  const auto value = resolve(text);
  if (!value) {
    note(where, fmt::format("{} is not in the environment of this command; put it into the Secret "
                            "{} as the entry {}",
                            ref.key, ref.name, ref.key));
    return ref;
  }
  if (!out_.secret) {
    api::Secret& secret = out_.secret.emplace();
    secret.metadata.name = kSecretName;
    secret.metadata.namespace_ = out_.tenant.metadata.name;
    secret.type = "Opaque";
  }
  out_.secret->data[ref.key] = *value;
  return ref;
}

void Importer::add_fallback(const std::string& model,
                            const std::string& fallback,
                            const std::string& where) {
  api::TenantModel* from = find(model);
  if (from == nullptr || find(fallback) == nullptr || model == fallback) {
    return note(where, fmt::format("{} for {}: both must be models of the list", fallback, model));
  }
  if (std::ranges::find(from->fallbacks, fallback) == from->fallbacks.end())
    from->fallbacks.push_back(fallback);
  with_own_fallbacks_.insert(model);
}

void Importer::add_fallbacks(const json::Object& settings, const std::string& where) {
  for (const json::Value& entry : array_of(settings.find("fallbacks"))) {
    for (const auto& [model, fallbacks] : object_of(&entry)) {
      for (const json::Value& fallback : array_of(&fallbacks))
        add_fallback(model, text_of(&fallback), where + ".fallbacks");
    }
  }
  for (const json::Value& fallback : array_of(settings.find("default_fallbacks")))
    add_default_fallback(text_of(&fallback), where + ".default_fallbacks");
}

/// For the models that have none of their own.
void Importer::add_default_fallback(const std::string& fallback, const std::string& where) {
  if (find(fallback) == nullptr)
    return note(where, fmt::format("{} must be a model of the list", fallback));
  for (api::TenantModel& model : out_.tenant.spec.gateway.models) {
    const bool has_own = with_own_fallbacks_.contains(model.name);
    if (model.name != fallback && !has_own) model.fallbacks.push_back(fallback);
  }
}

/// Another name for a model is another model with the same backends.
void Importer::add_aliases(const json::Object& settings, const std::string& where) {
  for (const auto& [alias, value] : object_of(settings.find("model_group_alias"))) {
    const std::string name =
        value.as_object() == nullptr ? text_of(&value) : text_of(value.find("model"));
    const api::TenantModel* model = find(name);
    if (model == nullptr || find(alias) != nullptr) {
      note(fmt::format("{}.model_group_alias.{}", where, alias),
           "it must be a new name for a model of the list");
      continue;
    }
    api::TenantModel copy = *model;
    copy.name = alias;
    if (const std::string why = complaint_about(copy); !why.empty()) {
      note(fmt::format("{}.model_group_alias.{}", where, alias), why);
      continue;
    }
    weights_[alias] = weights_[name];
    if (const auto price = out_.prices.models.find(name); price != out_.prices.models.end())
      out_.prices.models.emplace(alias, price->second);
    out_.tenant.spec.gateway.models.push_back(std::move(copy));
  }
}

/// Weights are whole numbers here.
void Importer::settle_weights() {
  for (api::TenantModel& model : out_.tenant.spec.gateway.models) {
    const std::vector<double>& weights = weights_[model.name];
    const bool whole =
        std::ranges::all_of(weights, [](double weight) { return std::floor(weight) == weight; });
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double scaled = weights[i] * (whole ? 1.0 : static_cast<double>(kWeightScale));
      model.backends[i].weight = static_cast<std::int32_t>(std::lround(std::max(scaled, 0.0)));
    }
  }
}

/// What was left out may have had a key.
void Importer::drop_unused_keys() {
  if (!out_.secret) return;
  std::set<std::string> used;
  for (const api::TenantModel& model : out_.tenant.spec.gateway.models) {
    for (const api::TenantBackend& backend : model.backends) {
      if (backend.provider && backend.provider->api_key_ref &&
          backend.provider->api_key_ref->name == kSecretName)
        used.insert(backend.provider->api_key_ref->key);
    }
  }
  std::erase_if(out_.secret->data,
                [&used](const auto& entry) { return !used.contains(entry.first); });
  if (out_.secret->data.empty()) out_.secret.reset();
}

void Importer::note_section(const json::Object& section, const std::string& where) {
  for (const auto& [key, value] : section) {
    const std::string at = fmt::format("{}.{}", where, key);
    if (is_one_of(kFallbackKeys, key)) continue;
    if (where == kSettings && is_one_of(kBudgetKeys, key)) continue;
    if (key == "routing_strategy") {
      const std::string strategy = text_of(&value);
      if (strategy != "simple-shuffle") {
        note(at, fmt::format("{}: backends share requests by weight, and the pods of a Service by "
                             "fewest requests",
                             strategy));
      }
      continue;
    }
    note(at, litellm_reason(key));
  }
}

void Importer::note_rest(const json::Object& config) {
  for (const auto& [key, value] : config) {
    if (key == "model_list" || key == "environment_variables") continue;
    if (value.as_object() != nullptr) {
      note_section(*value.as_object(), key);
    } else {
      note(key, litellm_reason(key));
    }
  }
}

}  // namespace

Result<LitellmImport> import_litellm(std::string_view yaml, const LitellmOptions& options) {
  INSULA_TRY(const std::vector<json::Value> documents, json::parse_yaml(yaml));
  return Importer(options).run(documents);
}

std::string to_yaml_text(const LitellmImport& import) {
  std::string text;
  for (const std::string& line : import.notes)
    text += fmt::format("# not translated: {}\n", line);
  text += json::write_yaml(api::to_json(import.tenant));
  if (import.secret) text += "---\n" + json::write_yaml(api::to_json(*import.secret));
  if (import.prices.currency.empty()) return text;
  api::ConfigMap prices;
  prices.metadata.name = api::kModelPrices;
  prices.metadata.namespace_ = api::kSystemNamespace;
  prices.data[api::kModelPricesEntry] = gateway::write_prices(import.prices);
  return text + "---\n" + json::write_yaml(api::to_json(prices));
}

}  // namespace insula::cli
