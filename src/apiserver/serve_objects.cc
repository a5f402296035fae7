#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "api/body_version.h"
#include "api/codec.h"
#include "api/custom/custom_kind.h"
#include "api/gen/authentication_v1.h"
#include "api/gen/autoscaling_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/invalid.h"
#include "apiserver/api_server.h"
#include "apiserver/apply.h"
#include "apiserver/compression.h"
#include "apiserver/list_output.h"
#include "apiserver/patch.h"
#include "apiserver/refusals.h"
#include "apiserver/request_options.h"
#include "apiserver/reviews.h"
#include "apiserver/status.h"
#include "apiserver/subresource.h"
#include "base/number.h"
#include "json/parse.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::apiserver {

namespace {

/// What is answered to a write that leaves no object of its own.
constexpr std::string_view kDone =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})";

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

/// The metadata of lists has another name than that of one object.
Result<> check_metadata_form(const Call& call, bool is_list) {
  const OutputOptions& output = call.output;
  if (output.form != OutputForm::kMetadata || output.metadata_of_list == is_list) return {};
  const std::string type = api::custom_kind(*call.kind) != nullptr ? "unstructured.Unstructured"
                                                                   : api::internal_name(*call.kind);
  return fail(ErrorCode::kNotAcceptable,
              is_list ? fmt::format("you requested PartialObjectMetadata, but the requested object "
                                    "is a list (*{}List)",
                                    type)
                      : fmt::format("you requested PartialObjectMetadataList, but the requested "
                                    "object is not a list (*{})",
                                    type));
}

}  // namespace

Task<Result<Object>> ApiServer::read_object(Call& call, const api::TypeInfo& type) {
  INSULA_CO_TRY(const BodyFormat format,
                body_format(call.exchange.request().headers.get("Content-Type")));
  INSULA_CO_TRY_VOID(
      read_options(call, call.info.verb == "create" ? WriteVerb::kCreate : WriteVerb::kUpdate));
  INSULA_CO_TRY(const std::string body, co_await read_body(call));
  api::DecodeReport report;
  INSULA_CO_TRY(Object object, decode_body(type, format, body, call.options.strictness, report));
  for (std::string& text : report.warnings)
    call.warnings.push_back(std::move(text));
  note_body(call, type, object.get());
  co_return std::move(object);
}

Task<Result<>> ApiServer::send_written(Call& call, const Written& written) {
  const int status = written.created ? 201 : 200;
  if (call.info.subresource == "binding" || call.info.subresource == "eviction") {
    co_return co_await send(call, 201, std::string(kDone));
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
    call.sent_bytes += piece.size();
    INSULA_CO_TRY_VOID(co_await call.ticket->with_client(call.exchange.write(piece)));
    co_await call.ticket->give_way();
  }
  if (gzip) {
    const std::string rest = gzip->finish();
    call.sent_bytes += rest.size();
    INSULA_CO_TRY_VOID(co_await call.ticket->with_client(call.exchange.write(rest)));
  }
  co_return co_await call.exchange.finish();
}

Task<Result<>> ApiServer::serve_read(Call& call) {
  const Target target = target_of(call);
  if (call.info.verb == "list") {
    INSULA_CO_TRY(const ListQuery query, list_options(call.exchange.request(), *call.kind));
    INSULA_CO_TRY_VOID(check_metadata_form(call, true));
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
  INSULA_CO_TRY_VOID(check_metadata_form(call, false));
  co_return co_await send(call, 200, object_output(answer_kind(call), entry, call.output));
}

Task<Result<>> ApiServer::serve_write(Call& call) {
  const bool create = call.info.verb == "create";
  const bool made_by_create =
      call.info.subresource == "binding" || call.info.subresource == "eviction";
  if (create ? !call.info.name.empty() && !made_by_create : call.info.name.empty())
    co_return method_not_allowed();
  const api::Kind& sent = body_kind(*call.kind, call.info.subresource);
  INSULA_CO_TRY(const Object object, co_await read_object(call, sent.type));
  if (call.info.subresource == "eviction") INSULA_CO_TRY_VOID(eviction_query(object));
  WriteContext context = write_context(call);
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

Task<Result<>> ApiServer::serve_binding(Call& call) {
  INSULA_CO_TRY(Object object, co_await read_object(call, call.kind->type));
  const api::ObjectMeta& meta = call.kind->metadata(object.get());
  std::string name = meta.name;
  if (!meta.namespace_.empty() && meta.namespace_ != call.info.name_space)
    co_return wrong_namespace();
  if (name.empty()) co_return fail(ErrorCode::kBadRequest, "Name parameter required.");
  Target pod{&api::kind_of<api::Pod>(), call.info.name_space, name, "binding"};
  Result<Written> bound =
      co_await registry_.create(std::move(pod), std::move(object), write_context(call));
  if (!bound && bound.error().subject() == nullptr)
    co_return std::unexpected(std::move(bound).error().about({"pods", "", std::move(name)}));
  INSULA_CO_TRY_VOID(std::move(bound));
  co_return co_await send(call, 201, std::string(kDone));
}

Task<Result<>> ApiServer::serve_token(Call& call) {
  if (call.info.verb != "create" || call.info.name.empty()) co_return method_not_allowed();
  if (!issuer_)
    co_return fail(ErrorCode::kNotImplemented, "this server issues no ServiceAccount tokens");
  const api::Kind& kind = api::kind_of<api::TokenRequest>();
  INSULA_CO_TRY(const Object object, co_await read_object(call, kind.type));
  auto& request = *static_cast<api::TokenRequest*>(object.get());
  INSULA_CO_TRY_VOID(issuer_->answer({call.user, call.info.name_space, call.info.name}, request));
  co_return co_await send(call, 201, encode(kind, object.get()));
}

Task<Result<>> ApiServer::serve_patch(Call& call) {
  if (call.info.name.empty()) co_return method_not_allowed();
  Patch patch;
  INSULA_CO_TRY(patch.format, patch_format(call.exchange.request().headers.get("Content-Type")));
  const bool applies = patch.format == PatchFormat::kApply;
  INSULA_CO_TRY_VOID(read_options(call, applies ? WriteVerb::kApply : WriteVerb::kPatch));
  patch.strictness = call.options.strictness;
  WriteContext context = write_context(call);
  INSULA_CO_TRY(const std::string body, co_await read_body(call));
  note_document(call, body);
  if (applies) {
    Application application{.force = call.options.force};
    INSULA_CO_TRY(application.config, parse_configuration(body));
    INSULA_CO_TRY(
        const Written written,
        co_await registry_.apply(target_of(call), std::move(application), std::move(context)));
    co_return co_await send_written(call, written);
  }
  INSULA_CO_TRY(patch.content, parse_patch(patch.format, body));
  Target target = target_of(call);
  auto change = patch_change(target, std::move(patch), call.warnings);
  INSULA_CO_TRY(
      const Written written,
      co_await registry_.change(std::move(target), std::move(change), std::move(context)));
  co_return co_await send_written(call, written);
}

Task<Result<api::DeleteOptions>> ApiServer::read_delete_options(Call& call) {
  const http::Request& request = call.exchange.request();
  INSULA_CO_TRY(const std::string body, co_await read_body(call));
  if (body.empty()) co_return delete_options(request, call.info.verb);
  INSULA_CO_TRY(const BodyFormat format, body_format(request.headers.get("Content-Type")));
  api::DecodeReport report;
  INSULA_CO_TRY(const Object decoded, decode_body(api::type_of<api::DeleteOptions>(), format, body,
                                                  api::Strictness::kIgnore, report));
  auto& options = *static_cast<api::DeleteOptions*>(decoded.get());
  if (call.audit) call.audit->request_object(api::encode_json(options));
  // Where there is a body Kubernetes heeds no query. Who asks for a dry run there means no
  // deletion.
  if (call.query("dryRun") == "All" && options.dry_run.empty()) options.dry_run = {"All"};
  co_return std::move(options);
}

Task<Result<>> ApiServer::serve_delete(Call& call) {
  const bool collection = call.info.verb == "deletecollection";
  ListQuery select;
  if (collection) {
    INSULA_CO_TRY(select, list_options(call.exchange.request(), *call.kind));
  }
  INSULA_CO_TRY(const api::DeleteOptions options, co_await read_delete_options(call));
  INSULA_CO_TRY(DeleteQuery query, delete_query(options));
  WriteContext context = write_context(call);
  context.dry_run = !options.dry_run.empty();
  Target target = target_of(call);
  if (collection) {
    INSULA_CO_TRY(const ObjectList list,
                  co_await registry_.remove_collection(std::move(target), std::move(query),
                                                       std::move(select), std::move(context)));
    co_return co_await send_list(call, list);
  }
  if (!call.info.subresource.empty()) co_return method_not_allowed();
  INSULA_CO_TRY(const Written written,
                co_await registry_.remove(std::move(target), std::move(query), std::move(context)));
  if (!written.gone || api::returns_deleted(*call.kind))
    co_return co_await send(call, 200,
                            object_output(answer_kind(call), written.entry, call.output));
  const api::ObjectMeta& meta = call.kind->metadata(object_of(*call.kind, *written.entry).get());
  co_return co_await send(call, 200, deleted_status(call.info, meta.name, meta.uid));
}

}  // namespace insula::apiserver
