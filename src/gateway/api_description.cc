#include "gateway/api_description.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/version.h"
#include "gateway/api_error.h"
#include "json/value.h"
#include "json/write.h"
#include "llm/request.h"

namespace insula::gateway {
namespace {

using json::Array;
using json::Object;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kModelsPath = "/v1/models";
constexpr std::string_view kTenantPrefix = "/{tenant}";
/// Methods of paths that are passed on unread.
constexpr std::array<const char*, 5> kMethods = {"get", "put", "post", "patch", "delete"};

constexpr std::array<ReplyHeaderWords, 18> kReplyHeaders = {{
    {"x-request-id",
     "The request's id: the client's own X-Request-Id if that is a token of at most "
     "128 bytes, else a new one. The server is sent the same."},
    {"Date", "When the reply was made."},
    {"RateLimit-Policy",
     "Every limit that was looked at, by name: \"tenant\", \"key\", \"member\", "
     "\"model\" and the same with \"-tokens\"; q: how many in w seconds."},
    {"RateLimit", "What is left of each of them (r), and in how many seconds there is more (t)."},
    {"x-ratelimit-limit-requests", "The tightest limit of requests, as OpenAI tells it."},
    {"x-ratelimit-remaining-requests", "What is left of it."},
    {"x-ratelimit-reset-requests", "When there is more, such as 6m0s."},
    {"x-ratelimit-limit-tokens", "The tightest limit of tokens, likewise."},
    {"x-ratelimit-remaining-tokens", "What is left of it."},
    {"x-ratelimit-reset-tokens", "When there is more."},
    {"x-should-retry", "false: trying again does not help.", 429},
    {"Retry-After", "Seconds after which trying again may help.", 429, 503},
    {"WWW-Authenticate", "Bearer.", 401},
    {"Allow", "Methods that are served.", 405},
    {"Access-Control-Allow-Origin", "Whose pages may read the reply, where the Tenant has cors."},
    {"Access-Control-Allow-Credentials", "true, where the Tenant's cors allows credentials."},
    {"Access-Control-Expose-Headers", "Which headers of the reply pages may read."},
    {"Vary", "Origin, where the reply depends on it."},
}};

Object reference(std::string_view kind, std::string_view name) {
  return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}

Object text_schema() {
  return {{"type", "string"}};
}

/// The headers that come with a status.
Object headers_with(int status) {
  Object headers;
  for (const ReplyHeaderWords& header : kReplyHeaders) {
    if (header.status == 0 || header.status == status || header.other_status == status)
      headers.set(std::string(header.name), reference("headers", header.name));
  }
  return headers;
}

Object all_headers() {
  Object headers;
  for (const ReplyHeaderWords& header : kReplyHeaders) {
    headers.set(std::string(header.name),
                Object{{"description", header.meaning}, {"schema", text_schema()}});
  }
  return headers;
}

/// The errors of each status.
std::map<int, std::vector<const ApiErrorWords*>> errors_by_status() {
  std::map<int, std::vector<const ApiErrorWords*>> by_status;
  for (const ApiErrorWords& error : api_errors()) {
    for (const int status : error.statuses) {
      if (status != 0) by_status[status].push_back(&error);
    }
  }
  return by_status;
}

std::string name_of_response(int status) {
  return fmt::format("Error{}", status);
}

/// A response for each status that the gateway refuses with.
Object error_responses() {
  Object responses;
  for (const auto& [status, errors] : errors_by_status()) {
    std::vector<std::string> lines;
    Array codes;
    for (const ApiErrorWords* error : errors) {
      lines.push_back(fmt::format("`{}`: {}", error->code, error->meaning));
      codes.emplace_back(error->code);
    }
    const Object code{{"properties", Object{{"code", Object{{"enum", std::move(codes)}}}}}};
    const Object schema{{"allOf", Array{reference("schemas", "Error"),
                                        Object{{"properties", Object{{"error", code}}}}}}};
    responses.set(name_of_response(status),
                  Object{{"description", fmt::format("{}", fmt::join(lines, "\n"))},
                         {"headers", headers_with(status)},
                         {"content", Object{{std::string(kJson), Object{{"schema", schema}}}}}});
  }
  return responses;
}

/// What an operation may be answered with.
Object responses_with(Object success) {
  Object responses{{"200", std::move(success)}};
  for (const auto& [status, errors] : errors_by_status())
    responses.set(std::to_string(status), reference("responses", name_of_response(status)));
  responses.set("default", Object{{"description",
                                   "Any other answer is the model server's, as it came: of its "
                                   "headers those of the connection, x-request-id and those of "
                                   "limits are the gateway's."},
                                  {"headers", headers_with(200)}});
  return responses;
}

Object reply_of(llm::Operation operation) {
  Object content{{std::string(kJson), Object{}}};
  if (llm::is_metered(operation) && operation != llm::Operation::kEmbeddings)
    content.set("text/event-stream", Object{{"schema", text_schema()}});
  return {
      {"description",
       "The model server's reply. A stream is passed on event by event; one that a limit has no "
       "more room for, or that a filter refuses, ends with an error event."},
      {"headers", headers_with(200)},
      {"content", std::move(content)}};
}

Object list_reply(std::string_view schema) {
  return {
      {"description",
       "From the Tenant's list of models; the model server's own answer where it has none."},
      {"headers", headers_with(200)},
      {"content", Object{{std::string(kJson), Object{{"schema", reference("schemas", schema)}}}}}};
}

Object parameter(std::string_view name, std::string_view in, std::string_view meaning) {
  Object made{{"name", name}, {"in", in}, {"description", meaning}, {"schema", text_schema()}};
  if (in == "path") made.set("required", true);
  return made;
}

Array request_headers() {
  return {reference("parameters", "X-Request-Id"), reference("parameters", "X-Session-Id"),
          reference("parameters", "traceparent"), reference("parameters", "tracestate")};
}

/// `/v1/chat/completions` as `chat_completions`.
std::string name_of(std::string_view path) {
  std::string name(path.substr(path.find('/', 1) + 1));
  std::ranges::replace(name, '/', '_');
  std::erase_if(name, [](char c) { return c == '{' || c == '}'; });
  return name;
}

Object operation(std::string name, std::string_view summary, Object responses) {
  return {{"operationId", std::move(name)},
          {"summary", summary},
          {"parameters", request_headers()},
          {"responses", std::move(responses)}};
}

/// What a browser asks before a page's request.
Object preflight(std::string name) {
  Object headers = headers_with(204);
  for (const char* header :
       {"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"}) {
    headers.set(header, Object{{"schema", text_schema()}});
  }
  return {{"operationId", std::move(name)},
          {"summary", "A preflight of a browser, where the Tenant has cors"},
          {"security", Array{}},
          {"parameters", Array{parameter("Origin", "header", "Of the page."),
                               parameter("Access-Control-Request-Method", "header",
                                         "Of the request that the page wants to send."),
                               parameter("Access-Control-Request-Headers", "header",
                                         "Names of headers that it wants to send.")}},
          {"responses", Object{{"204", Object{{"description", "What pages of the origin may do."},
                                              {"headers", std::move(headers)}}},
                               {"403", reference("responses", name_of_response(403))},
                               {"default", reference("responses", name_of_response(401))}}}};
}

/// The paths of one prefix; `suffix` tells their names from those of the other.
void add_paths(Object& paths, const std::string& prefix, const std::string& suffix) {
  Array path_parameters;
  if (!prefix.empty()) path_parameters.push_back(reference("parameters", "tenant"));
  const auto add = [&](std::string_view path, Object item) {
    item.set("options", preflight("preflight_" + name_of(path) + suffix));
    Array parameters = path_parameters;
    if (path.ends_with("{model}")) parameters.push_back(reference("parameters", "model"));
    if (path.ends_with("{path}")) parameters.push_back(reference("parameters", "path"));
    if (!parameters.empty()) item.set("parameters", std::move(parameters));
    paths.set(prefix + std::string(path), std::move(item));
  };
  for (const auto& [path, kind] : llm::known_paths()) {
    const std::string name = name_of(path) + suffix;
    if (path == kModelsPath) {
      add(path, {{"get", operation(name, "The models that the caller may ask for",
                                   responses_with(list_reply("ModelList")))}});
      continue;
    }
    Object post = operation(
        name,
        llm::is_metered(kind) ? "Metered: costs tokens" : "Costs the tokens that its reply tells",
        responses_with(reply_of(kind)));
    post.set("requestBody", reference("requestBodies", "Request"));
    add(path, {{"post", std::move(post)}});
  }
  add("/v1/models/{model}", {{"get", operation("model" + suffix, "One of these models",
                                               responses_with(list_reply("Model")))}});
  Object rest;
  for (const char* method : kMethods) {
    rest.set(method,
             operation(std::string(method) + "_other" + suffix,
                       "Any other path below /v1/ is passed on unread, with segments as many "
                       "as it has; it counts as a request and costs the tokens that its reply "
                       "tells",
                       responses_with(reply_of(llm::Operation::kOther))));
  }
  add("/v1/{path}", std::move(rest));
}

Object property(std::string_view type, std::string_view meaning) {
  return {{"type", type}, {"description", meaning}};
}

/// What of a body the gateway reads.
Object request_schema() {
  Object model = property("string",
                          "Which model is asked; the tenant's Service decides when there "
                          "is none.");
  model.set("maxLength", static_cast<std::int64_t>(llm::RequestReader::kModelBytesMax));
  Object properties{{"model", std::move(model)},
                    {"stream", property("boolean", "The reply comes as events.")}};
  for (const char* name : {"max_tokens", "max_completion_tokens", "max_output_tokens"})
    properties.set(name, property("integer",
                                  "The most tokens of the reply; the largest of the "
                                  "three is reserved."));
  for (const char* name : {"n", "best_of"})
    properties.set(name, property("integer", "Completions that are made of the prompt."));
  for (const char* name : {"session_id", "prompt_cache_key", "user"})
    properties.set(name,
                   property("string", "Names the session for models whose routing wants one."));
  return {
      {"type", "object"},
      {"description",
       "The members that the gateway reads; each may be there once, in these letters. All others "
       "are passed on as they are."},
      {"properties", std::move(properties)},
      {"additionalProperties", true}};
}

Object error_schema() {
  return {{"type", "object"},
          {"required", Array{"error"}},
          {"properties",
           Object{{"error", Object{{"type", "object"},
                                   {"required", Array{"message", "type", "param", "code"}},
                                   {"properties",
                                    Object{{"message", property("string", "For people.")},
                                           {"type", property("string", "OpenAI's kind of error.")},
                                           {"param", Object{{"type", Array{"string", "null"}}}},
                                           {"code", property("string", "For programs.")}}}}}}}};
}

Object schemas() {
  const Object model{{"type", "object"},
                     {"required", Array{"id", "object", "created", "owned_by"}},
                     {"properties", Object{{"id", text_schema()},
                                           {"object", Object{{"const", "model"}}},
                                           {"created", Object{{"type", "integer"}}},
                                           {"owned_by", property("string", "The tenant.")}}}};
  const Object list{
      {"type", "object"},
      {"required", Array{"object", "data"}},
      {"properties",
       Object{{"object", Object{{"const", "list"}}},
              {"data", Object{{"type", "array"}, {"items", reference("schemas", "Model")}}}}}};
  return {{"Error", error_schema()},
          {"Model", model},
          {"ModelList", list},
          {"Request", request_schema()}};
}

Object security_schemes() {
  const auto key = [](std::string_view header) {
    return Object{{"type", "apiKey"}, {"in", "header"}, {"name", header}};
  };
  return {
      {"bearer", Object{{"type", "http"},
                        {"scheme", "bearer"},
                        {"description",
                         "An API key (ins_ID_SECRET), a token of the built-in issuer, of an issuer "
                         "that the Tenant trusts, or of one of its ServiceAccounts."}}},
      {"xApiKey", key("X-Api-Key")},
      {"apiKey", key("Api-Key")}};
}

Object components() {
  const Object body{
      {"required", true},
      {"description", "At most 32 MiB, or what spec.gateway.bounds of the Tenant says."},
      {"content",
       Object{{std::string(kJson), Object{{"schema", reference("schemas", "Request")}}}}}};
  return {
      {"securitySchemes", security_schemes()},
      {"schemas", schemas()},
      {"headers", all_headers()},
      {"requestBodies", Object{{"Request", body}}},
      {"responses", error_responses()},
      {"parameters",
       Object{
           {"tenant", parameter("tenant", "path", "Name of the tenant.")},
           {"model", parameter("model", "path", "Name of the model.")},
           {"path", parameter("path", "path", "One segment or more.")},
           {"X-Request-Id", parameter("X-Request-Id", "header", "An id for the request.")},
           {"X-Session-Id", parameter("X-Session-Id", "header",
                                      "Names the session for models whose routing wants one.")},
           {"traceparent", parameter("traceparent", "header", "The client's W3C trace context.")},
           {"tracestate", parameter("tracestate", "header", "The same.")}}}};
}

Object description_of_this() {
  Object get{
      {"operationId", "openapi"},
      {"summary", "This document"},
      {"security", Array{}},
      {"responses", Object{{"200", Object{{"description", "OpenAPI 3.1."},
                                          {"headers", headers_with(200)},
                                          {"content", Object{{std::string(kJson), Object{}}}}}},
                           {"405", reference("responses", name_of_response(405))}}}};
  return {{"get", std::move(get)}};
}

std::string describe_api() {
  Object paths;
  add_paths(paths, std::string(kTenantPrefix), "");
  add_paths(paths, "", "_by_credential");
  paths.set(std::string(kDescriptionPath), description_of_this());
  const Object document{
      {"openapi", "3.1.0"},
      {"info",
       Object{{"title", "Insula gateway"},
              {"version", version()},
              {"description",
               "What the gateway takes, what it answers by itself, and what it adds to the answers "
               "of model servers. Whose request it is, the first segment of its path says, or its "
               "credential; with a token of an issuer of the Tenant's own the path must say it. "
               "Hosts of Ingresses are not part of this."},
              {"license", Object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"servers", Array{Object{{"url", "/"}}}},
      {"security", Array{Object{{"bearer", Array{}}}, Object{{"xApiKey", Array{}}},
                         Object{{"apiKey", Array{}}}}},
      {"paths", std::move(paths)},
      {"components", components()}};
  std::string text = json::write(document) + "\n";
  text.shrink_to_fit();
  return text;
}

}  // namespace

std::span<const ReplyHeaderWords> reply_headers() {
  return kReplyHeaders;
}

const std::string& api_description() {
  static const std::string document = describe_api();
  return document;
}

}  // namespace insula::gateway
