#include "jose/jws.h"

#include <utility>

#include <fmt/format.h>

#include "jose/base64url.h"
#include "jose/unique_object.h"

namespace insula::jose {
namespace {

namespace dom = simdjson::dom;

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kUnauthenticated, std::move(why));
}

bool may_have_signed(const JwsKey& key, const JoseHeader& header) {
  return key.algorithms().contains(header.algorithm) &&
         (header.key_id.empty() || key.id().empty() || key.id() == header.key_id);
}

}  // namespace

Result<CompactJws> split_compact(std::string_view token) {
  if (token.size() > kTokenBytesMax) return refuse("token is longer than 8192 bytes");
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return refuse("token does not have the three parts of a signed JWT");
  }
  auto header = base64url_decode(token.substr(0, first));
  auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!header || !payload || !signature) return refuse("token is not valid base64url");
  return CompactJws{std::move(*header), std::move(*payload), std::move(*signature),
                    token.substr(0, second)};
}

Result<JoseHeader> read_header(const std::string& text) {
  // Kept for the next token: making one costs more than the text.
  thread_local dom::parser parser;
  INSULA_TRY(const dom::object object, parse_object(parser, text, "header"));
  if (object["crit"].error() != simdjson::NO_SUCH_FIELD) {
    return refuse("token has critical header parameters, none of which is understood");
  }
  std::string_view name;
  if (object["alg"].get_string().get(name) != simdjson::SUCCESS) {
    return refuse("token's header names no algorithm");
  }
  const auto algorithm = parse_jws_algorithm(name);
  if (!algorithm) {
    return refuse("token's algorithm is not one of HS256, RS*, PS*, ES* (256, 384, 512), EdDSA");
  }
  std::string_view key_id;
  const auto given_id = object["kid"];
  if (given_id.error() != simdjson::NO_SUCH_FIELD &&
      given_id.get_string().get(key_id) != simdjson::SUCCESS) {
    return refuse("token's kid is not a string");
  }
  return JoseHeader{*algorithm, std::string(key_id)};
}

SignatureCheck check_signature(const CompactJws& jws,
                               const JoseHeader& header,
                               std::span<const JwsKey> keys) {
  std::size_t tried = 0;
  for (const JwsKey& key : keys) {
    if (!may_have_signed(key, header)) continue;
    if (key.verify(header.algorithm, jws.signing_input, jws.signature))
      return SignatureCheck::kGood;
    if (++tried == kIssuerKeysMax) break;
  }
  return tried == 0 ? SignatureCheck::kNoKey : SignatureCheck::kBad;
}

std::unexpected<Error> refusal(SignatureCheck signature, const JoseHeader& header) {
  if (signature == SignatureCheck::kBad) return refuse("token's signature does not match");
  return refuse(
      fmt::format("no key for {} is configured for the token's issuer", name_of(header.algorithm)));
}

Result<VerifiedJws> verify_jws(std::string_view token, std::span<const JwsKey> keys) {
  INSULA_TRY(auto jws, split_compact(token));
  INSULA_TRY(const JoseHeader header, read_header(jws.header));
  const SignatureCheck signature = check_signature(jws, header, keys);
  if (signature != SignatureCheck::kGood) return refusal(signature, header);
  return VerifiedJws{std::move(jws.payload), header.algorithm};
}

}  // namespace insula::jose
