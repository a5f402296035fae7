#include "gateway/edge_config.h"

#include <utility>

#include "api/gen/insula_v1alpha1.h"
#include "gateway/json_members.h"

namespace insula::gateway {
namespace {

using api::MessageSide;

HeaderModifierConfig modifier_of(const api::TenantHeaderModifier& modifier, MessageSide side) {
  HeaderModifierConfig config{.side = side};
  for (const api::TenantHeader& header : modifier.set)
    config.edits.set.emplace_back(header.name, header.value);
  for (const api::TenantHeader& header : modifier.add)
    config.edits.add.emplace_back(header.name, header.value);
  config.edits.remove = modifier.remove;
  return config;
}

// Which member a filter has says what it is.
constexpr std::string_view kRequestHeaders = "requestHeaders";
constexpr std::string_view kResponseHeaders = "responseHeaders";
constexpr std::string_view kPromptDenyList = "promptDenyList";

json::Value to_value(const HeaderModifierConfig& modifier) {
  const bool of_request = modifier.side == MessageSide::kRequest;
  json::Object object;
  object.set(std::string(of_request ? kRequestHeaders : kResponseHeaders),
             to_value(modifier.edits));
  return object;
}

json::Value to_value(const PromptDenyListConfig& list) {
  json::Object object;
  object.set(std::string(kPromptDenyList),
             json::Object{{"phrases", strings_to_json(list.phrases)},
                          {"patterns", strings_to_json(list.patterns)},
                          {"message", list.message}});
  return object;
}

json::Value to_value(const CorsConfig& cors) {
  return json::Object{{"allowOrigins", strings_to_json(cors.allow_origins)},
                      {"allowMethods", strings_to_json(cors.allow_methods)},
                      {"allowHeaders", strings_to_json(cors.allow_headers)},
                      {"exposeHeaders", strings_to_json(cors.expose_headers)},
                      {"allowCredentials", cors.allow_credentials},
                      {"maxAgeSeconds", cors.max_age.count()}};
}

CorsConfig cors_from(const json::Object& object) {
  const json::Value* credentials = object.find("allowCredentials");
  CorsConfig cors{
      .allow_origins = strings_in(object, "allowOrigins"),
      .allow_methods = strings_in(object, "allowMethods"),
      .allow_headers = strings_in(object, "allowHeaders"),
      .expose_headers = strings_in(object, "exposeHeaders"),
      .allow_credentials = credentials != nullptr && credentials->as_bool().value_or(false)};
  cors.max_age =
      std::chrono::seconds(number_in(object, "maxAgeSeconds").value_or(cors.max_age.count()));
  return cors;
}

FilterConfig filter_from(const json::Object& object) {
  if (const json::Object* list = object_in(object, kPromptDenyList); list != nullptr) {
    return PromptDenyListConfig{.phrases = strings_in(*list, "phrases"),
                                .patterns = strings_in(*list, "patterns"),
                                .message = string_in(*list, "message")};
  }
  const json::Object* of_request = object_in(object, kRequestHeaders);
  const json::Object* members =
      of_request == nullptr ? object_in(object, kResponseHeaders) : of_request;
  HeaderModifierConfig modifier{.side = of_request == nullptr ? MessageSide::kResponse
                                                              : MessageSide::kRequest};
  if (members != nullptr) modifier.edits = header_edits_from(*members);
  return modifier;
}

}  // namespace

EdgeConfig edge_of(const api::TenantGateway& gateway) {
  EdgeConfig edge{.bounds = {.body_bytes = gateway.bounds.body_bytes,
                             .header_bytes = gateway.bounds.header_bytes}};
  if (gateway.cors) {
    const api::TenantCors& cors = *gateway.cors;
    edge.cors = {.allow_origins = cors.allow_origins,
                 .allow_methods = cors.allow_methods,
                 .allow_headers = cors.allow_headers,
                 .expose_headers = cors.expose_headers,
                 .allow_credentials = cors.allow_credentials};
    if (cors.max_age_seconds) edge.cors->max_age = std::chrono::seconds(*cors.max_age_seconds);
  }
  for (const api::TenantFilter& filter : gateway.filters) {
    if (filter.request_header_modifier)
      edge.filters.emplace_back(
          modifier_of(*filter.request_header_modifier, MessageSide::kRequest));
    if (filter.response_header_modifier)
      edge.filters.emplace_back(
          modifier_of(*filter.response_header_modifier, MessageSide::kResponse));
    if (filter.prompt_deny_list) {
      edge.filters.emplace_back(PromptDenyListConfig{.phrases = filter.prompt_deny_list->phrases,
                                                     .patterns = filter.prompt_deny_list->patterns,
                                                     .message = filter.prompt_deny_list->message});
    }
  }
  return edge;
}

void set_edge(json::Object& tenant, const EdgeConfig& edge) {
  json::Object bounds;
  if (edge.bounds.body_bytes) bounds.set("bodyBytes", *edge.bounds.body_bytes);
  if (edge.bounds.header_bytes) bounds.set("headerBytes", *edge.bounds.header_bytes);
  if (edge.bounds != BoundsConfig{}) tenant.set("bounds", std::move(bounds));
  if (edge.cors) tenant.set("cors", to_value(*edge.cors));
  json::Array filters;
  for (const FilterConfig& filter : edge.filters)
    filters.push_back(std::visit([](const auto& one) { return to_value(one); }, filter));
  if (!filters.empty()) tenant.set("filters", std::move(filters));
}

EdgeConfig edge_in(const json::Object& tenant) {
  EdgeConfig edge;
  if (const json::Object* bounds = object_in(tenant, "bounds"); bounds != nullptr) {
    edge.bounds = {.body_bytes = number_in(*bounds, "bodyBytes"),
                   .header_bytes = number_in(*bounds, "headerBytes")};
  }
  if (const json::Object* cors = object_in(tenant, "cors"); cors != nullptr)
    edge.cors = cors_from(*cors);
  for_each_object(tenant, "filters",
                  [&](const json::Object& filter) { edge.filters.push_back(filter_from(filter)); });
  return edge;
}

}  // namespace insula::gateway
