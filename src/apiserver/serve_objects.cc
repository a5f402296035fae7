#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/gen/authentication_v1.h"
#include "api/gen/autoscaling_v1.h"
#include "api/gen/meta_v1.h"
#include "api/invalid.h"
#include "apiserver/api_server.h"
#include "apiserver/apply.h"
#include "apiserver/compression.h"
#include "apiserver/list_output.h"
#include "apiserver/patch.h"
#include "apiserver/reviews.h"
#include "apiserver/status.h"
#include "apiserver/subresource.h"
#include "base/number.h"
#include "json/parse.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::apiserver {

namespace {

Result<std::int64_t> parse_number(std::string_view name, std::string_view text) {
  const auto value = parse_whole<std::int64_t>(text);
  if (value && *value >= 0) return *value;
  return fail(ErrorCode::kBadRequest,
              fmt::format("{}: Invalid value: \"{}\": must be a whole number", name, text));
}

/// What is wrong with the options of a request, as Kubernetes says it.
std::unexpected<Error> bad_option(std::string_view kind,
                                  std::string field,
                                  std::string_view reason,
                                  std::string message) {
  return std::unexpected(api::invalid(
      kind, "meta.k8s.io", "", {{std::move(field), std::string(reason), std::move(message)}}));
}

std::unexpected<Error> forbidden_list_option(std::string field, std::string_view why) {
  return bad_option("ListOptions", std::move(field), "FieldValueForbidden",
                    fmt::format("Forbidden: {}", why));
}

Result<VersionMatch> parse_match(const std::string& match, const ListQuery& query) {
  constexpr const char* kField = "resourceVersionMatch";
  if (match.empty()) return VersionMatch::kUnset;
  if (query.resource_version.empty())
    return forbidden_list_option(
        kField, "resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (!query.continue_token.empty())
    return forbidden_list_option(kField,
                                 "resourceVersionMatch is forbidden when continue is provided");
  if (match == "NotOlderThan") return VersionMatch::kNotOlderThan;
  if (match != "Exact")
    return bad_option("ListOptions", kField, "FieldValueNotSupported",
                      fmt::format("Unsupported value: \"{}\": supported values: \"Exact\", "
                                  "\"NotOlderThan\", \"\"",
                                  match));
  if (query.resource_version == "0")
    return forbidden_list_option(
        kField, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  return VersionMatch::kExact;
}

Result<ListQuery> list_query(const Call& call) {
  ListQuery query;
  INSULA_TRY(query.selectors, Selectors::parse(*call.kind, call.query("labelSelector"),
                                               call.query("fieldSelector")));
  if (const std::string limit = call.query("limit"); !limit.empty()) {
    INSULA_TRY(const std::int64_t value, parse_number("limit", limit));
    query.limit = static_cast<std::size_t>(value);
  }
  query.continue_token = call.query("continue");
  query.resource_version = call.query("resourceVersion");
  INSULA_TRY(query.match, parse_match(call.query("resourceVersionMatch"), query));
  if (!query.continue_token.empty() && !query.resource_version.empty() &&
      query.resource_version != "0")
    return fail(ErrorCode::kBadRequest,
                "specifying resource version is not allowed when using continue");
  if (!call.query("sendInitialEvents").empty())
    return forbidden_list_option("sendInitialEvents", "sendInitialEvents is forbidden for list");
  return query;
}

Result<api::Strictness> strictness_of(const std::string& text) {
  if (text == "Strict") return api::Strictness::kStrict;
  if (text.empty() || text == "Warn") return api::Strictness::kWarn;
  if (text == "Ignore") return api::Strictness::kIgnore;
  return fail(
      ErrorCode::kBadRequest,
      fmt::format("fieldValidation: Invalid value: \"{}\": must be Ignore, Warn or Strict", text));
}

Result<Propagation> parse_propagation(const std::string& text) {
  if (text.empty()) return Propagation::kDefault;
  if (text == "Background") return Propagation::kBackground;
  if (text == "Foreground") return Propagation::kForeground;
  if (text == "Orphan") return Propagation::kOrphan;
  return fail(ErrorCode::kInvalid,
              fmt::format("DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "
                          "Unsupported value: \"{}\": supported values: \"Foreground\", "
                          "\"Background\", \"Orphan\"",
                          text));
}

Result<DeleteQuery> delete_query(const api::DeleteOptions& options) {
  DeleteQuery query;
  query.grace_period_seconds = options.grace_period_seconds;
  if (options.preconditions) {
    query.uid = options.preconditions->uid;
    query.resource_version = options.preconditions->resource_version;
  }
  for (const std::string& stage : options.dry_run) {
    if (stage != "All")
      return bad_option("DeleteOptions", "dryRun", "FieldValueNotSupported",
                        fmt::format("Unsupported value: \"{}\": supported values: \"All\"", stage));
  }
  if (options.propagation_policy && options.orphan_dependents)
    return bad_option("DeleteOptions", "propagationPolicy", "FieldValueInvalid",
                      fmt::format("Invalid value: \"{}\": orphanDependents and "
                                  "deletionPropagation cannot be both set",
                                  *options.propagation_policy));
  INSULA_TRY(query.propagation, parse_propagation(options.propagation_policy.value_or("")));
  if (query.propagation == Propagation::kDefault && options.orphan_dependents)
    query.propagation =
        *options.orphan_dependents ? Propagation::kOrphan : Propagation::kBackground;
  return query;
}

/// `force=` of a patch, which only an apply may say.
Result<bool> parse_force(const std::string& text, PatchFormat format) {
  if (!text.empty() && format != PatchFormat::kApply)
    return bad_option("PatchOptions", "force", "FieldValueForbidden",
                      "Forbidden: may not be specified for non-apply patch");
  if (text.empty() || text == "false" || text == "0") return false;
  if (text == "true" || text == "1") return true;
  return fail(ErrorCode::kBadRequest,
              fmt::format("force: Invalid value: \"{}\": must be true or false", text));
}

Result<> require_field_manager(const std::string& manager) {
  if (!manager.empty()) return {};
  return bad_option("PatchOptions", "fieldManager", "FieldValueRequired",
                    "Required value: is required for apply patch");
}

/// Tells the audit of the body of a request, as it was understood.
void note_body(Call& call, const api::TypeInfo& type, const void* object) {
  if (!call.audit) return;
  if (&type == &call.kind->type && call.kind->is_stored()) {
    const api::ObjectMeta& meta = call.kind->metadata(object);
    call.audit->about(meta.name, meta.uid, meta.resource_version);
  }
  if (!call.audit->wants_request()) return;
  std::string text;
  api::encode_json(type, object, text);
  call.audit->request_object(text);
}

/// Tells the audit of a patch, which may be YAML.
void note_document(Call& call, const std::string& body) {
  if (!call.audit || !call.audit->wants_request()) return;
  if (const auto document = json::parse_yaml_document(body))
    call.audit->request_object(json::write(*document));
}

/// A list as the audit log has it.
Task<std::string> audited_list(Call& call, const ObjectList& list) {
  OutputOptions options = call.output;
  options.format = BodyFormat::kJson;
  ListOutput output(*call.kind, list, options);
  std::string out;
  for (std::string piece = output.next(); !piece.empty(); piece = output.next()) {
    out += piece;
    co_await call.ticket->give_way();
  }
  co_return out;
}

/// What the answer to a request is: the object's kind, or Scale.
const api::Kind& answer_kind(const Call& call) {
  return call.info.subresource == "scale" ? api::kind_of<api::Scale>() : *call.kind;
}

}  // namespace

Task<Result<Object>> ApiServer::read_object(Call& call, const api::TypeInfo& type) {
  INSULA_CO_TRY(const BodyFormat format,
                body_format(call.exchange.request().headers.get("Content-Type")));
  INSULA_CO_TRY(const api::Strictness strictness, strictness_of(call.query("fieldValidation")));
  INSULA_CO_TRY(const std::string body, co_await read_body(call));
  api::DecodeReport report;
  INSULA_CO_TRY(Object object, decode_body(type, format, body, strictness, report));
  for (std::string& text : report.warnings)
    call.warnings.push_back(std::move(text));
  note_body(call, type, object.get());
  co_return std::move(object);
}

Task<Result<>> ApiServer::send_written(Call& call, const Written& written) {
  const int status = written.created ? 201 : 200;
  if (call.info.subresource == "binding" || call.info.subresource == "eviction") {
    co_return co_await send(
        call, 201,
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})");
  }
  co_return co_await send(call, status,
                          object_output(answer_kind(call), written.entry, call.output));
}

Task<Result<>> ApiServer::send_list(Call& call, const ObjectList& list) {
  if (call.audit && call.audit->wants_response())
    call.audit->answered(200, co_await audited_list(call, list));
  ListOutput output(*call.kind, list, call.output);
  while (!output.prepare())
    co_await call.ticket->give_way();
  const std::string_view type = content_type(call.output.format);
  std::string piece = output.next();
  std::string next = output.next();
  if (next.empty()) co_return co_await respond(call, 200, std::move(piece), type);
  http::Headers headers{{"Content-Type", std::string(type)},
                        {"Cache-Control", "no-cache, private"}};
  headers.set("Vary", "Accept-Encoding");
  std::optional<GzipStream> gzip;
  if (takes_gzip(call)) {
    gzip.emplace();
    headers.set("Content-Encoding", "gzip");
  }
  describe(call, headers);
  call.status = 200;
  // It is sent at the client's pace, which nobody should wait for; turns are for its pieces.
  const auto place = enter_stream(call);
  if (place) call.ticket->release();
  INSULA_CO_TRY_VOID(co_await call.exchange.start(call.status, std::move(headers)));
  for (; !piece.empty(); piece = std::exchange(next, output.next())) {
    if (gzip) piece = gzip->add(piece);
    INSULA_CO_TRY_VOID(co_await call.ticket->with_client(call.exchange.write(piece)));
    co_await call.ticket->give_way();
  }
  if (gzip) {
    const std::string rest = gzip->finish();
    INSULA_CO_TRY_VOID(co_await call.ticket->with_client(call.exchange.write(rest)));
  }
  co_return co_await call.exchange.finish();
}

Task<Result<>> ApiServer::serve_read(Call& call) {
  const Target target = target_of(call);
  if (call.info.verb == "list") {
    INSULA_CO_TRY(const ListQuery query, list_query(call));
    Result<ObjectList> found = registry_.list(target, query);
    if (!found && found.error().code() == ErrorCode::kExpired && !query.continue_token.empty()) {
      co_return co_await send(call, status_code(found.error()),
                              expired_list_status(found.error(), call.info,
                                                  inconsistent_continue(query.continue_token)));
    }
    INSULA_CO_TRY(const ObjectList list, std::move(found));
    co_return co_await send_list(call, list);
  }
  INSULA_CO_TRY_VOID(registry_.check_reached(call.query("resourceVersion")));
  INSULA_CO_TRY(store::EntryPtr entry, registry_.get(target));
  co_return co_await send(call, 200, object_output(answer_kind(call), entry, call.output));
}

Task<Result<>> ApiServer::serve_write(Call& call) {
  const bool create = call.info.verb == "create";
  const bool made_by_create =
      call.info.subresource == "binding" || call.info.subresource == "eviction";
  if (create ? !call.info.name.empty() && !made_by_create : call.info.name.empty())
    co_return fail(ErrorCode::kMethodNotAllowed,
                   "the server does not allow this method on the requested resource");
  const api::TypeInfo& type = body_type(*call.kind, call.info.subresource);
  INSULA_CO_TRY(const Object object, co_await read_object(call, type));
  INSULA_CO_TRY(WriteContext context, write_context(call));
  Target target = target_of(call);
  if (create) {
    Result<Written> made = co_await registry_.create(std::move(target), object, std::move(context));
    // The URL has no name; the Status of a refusal names the object all the same.
    if (!made && call.info.name.empty()) call.info.name = call.kind->metadata(object.get()).name;
    INSULA_CO_TRY(const Written written, std::move(made));
    co_return co_await send_written(call, written);
  }
  INSULA_CO_TRY(const Written written,
                co_await registry_.update(std::move(target), object, std::move(context)));
  co_return co_await send_written(call, written);
}

Task<Result<>> ApiServer::serve_review(Call& call) {
  INSULA_CO_TRY(const Object object, co_await read_object(call, call.kind->type));
  const Reviewer reviewer{call.user, call.info.name_space, registry_.clock().wall(), tokens_};
  INSULA_CO_TRY_VOID(answer_review(authorizer_, reviewer, *call.kind, object.get()));
  co_return co_await send(call, 201, encode(*call.kind, object.get()));
}

Task<Result<>> ApiServer::serve_token(Call& call) {
  if (call.info.verb != "create" || call.info.name.empty())
    co_return fail(ErrorCode::kMethodNotAllowed,
                   "the server does not allow this method on the requested resource");
  if (!issuer_)
    co_return fail(ErrorCode::kNotImplemented, "this server issues no ServiceAccount tokens");
  const api::Kind& kind = api::kind_of<api::TokenRequest>();
  INSULA_CO_TRY(const Object object, co_await read_object(call, kind.type));
  auto& request = *static_cast<api::TokenRequest*>(object.get());
  INSULA_CO_TRY_VOID(issuer_->answer({call.user, call.info.name_space, call.info.name}, request));
  co_return co_await send(call, 201, encode(kind, object.get()));
}

Task<Result<>> ApiServer::serve_patch(Call& call) {
  if (call.info.name.empty())
    co_return fail(ErrorCode::kMethodNotAllowed,
                   "the server does not allow this method on the requested resource");
  Patch patch;
  INSULA_CO_TRY(patch.format, patch_format(call.exchange.request().headers.get("Content-Type")));
  INSULA_CO_TRY(patch.strictness, strictness_of(call.query("fieldValidation")));
  INSULA_CO_TRY(WriteContext context, write_context(call));
  INSULA_CO_TRY(const bool force, parse_force(call.query("force"), patch.format));
  INSULA_CO_TRY(const std::string body, co_await read_body(call));
  note_document(call, body);
  if (patch.format == PatchFormat::kApply) {
    Application application{.force = force};
    INSULA_CO_TRY(application.config, parse_configuration(body));
    INSULA_CO_TRY_VOID(require_field_manager(call.query("fieldManager")));
    RequestInfo create = call.info;
    create.verb = "create";
    application.may_create = authorizer_.authorize(call.user, create);
    INSULA_CO_TRY(
        const Written written,
        co_await registry_.apply(target_of(call), std::move(application), std::move(context)));
    co_return co_await send_written(call, written);
  }
  INSULA_CO_TRY(patch.content, json::parse(body));
  Target target = target_of(call);
  auto change = patch_change(target, std::move(patch), call.warnings);
  INSULA_CO_TRY(
      const Written written,
      co_await registry_.change(std::move(target), std::move(change), std::move(context)));
  co_return co_await send_written(call, written);
}

Task<Result<>> ApiServer::serve_delete(Call& call) {
  INSULA_CO_TRY(const std::string body, co_await read_body(call));
  api::DeleteOptions options;
  if (!body.empty()) {
    INSULA_CO_TRY(const BodyFormat format,
                  body_format(call.exchange.request().headers.get("Content-Type")));
    api::DecodeReport report;
    INSULA_CO_TRY(const Object decoded, decode_body(api::type_of<api::DeleteOptions>(), format,
                                                    body, api::Strictness::kIgnore, report));
    options = *static_cast<const api::DeleteOptions*>(decoded.get());
    if (call.audit) call.audit->request_object(api::encode_json(options));
  }
  if (const std::string grace = call.query("gracePeriodSeconds"); !grace.empty()) {
    INSULA_CO_TRY(options.grace_period_seconds, parse_number("gracePeriodSeconds", grace));
  }
  if (const std::string policy = call.query("propagationPolicy"); !policy.empty())
    options.propagation_policy = policy;
  INSULA_CO_TRY(WriteContext context, write_context(call));
  if (!options.dry_run.empty()) context.dry_run = true;
  INSULA_CO_TRY(DeleteQuery query, delete_query(options));
  Target target = target_of(call);
  if (call.info.verb == "deletecollection") {
    INSULA_CO_TRY(ListQuery select, list_query(call));
    INSULA_CO_TRY(const ObjectList list,
                  co_await registry_.remove_collection(std::move(target), std::move(query),
                                                       std::move(select), std::move(context)));
    co_return co_await send_list(call, list);
  }
  if (!call.info.subresource.empty())
    co_return fail(ErrorCode::kMethodNotAllowed,
                   "the server does not allow this method on the requested resource");
  INSULA_CO_TRY(const Written written,
                co_await registry_.remove(std::move(target), std::move(query), std::move(context)));
  if (!written.gone)
    co_return co_await send(call, 200,
                            object_output(answer_kind(call), written.entry, call.output));
  const api::ObjectMeta& meta = call.kind->metadata(object_of(*call.kind, *written.entry).get());
  co_return co_await send(call, 200, deleted_status(call.info, meta.name, meta.uid));
}

}  // namespace insula::apiserver
