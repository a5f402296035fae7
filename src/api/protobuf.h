#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "api/kind.h"
#include "api/schema.h"
#include "base/error.h"

/// Kubernetes' protobuf form of objects: the four bytes `k8s\0`, then a runtime.Unknown message
/// that names apiVersion and kind and holds the object. Stock kubectl sends it and reads JSON
/// back; controllers read it, too.
namespace insula::api {

inline constexpr std::string_view kProtobufContentType = "application/vnd.kubernetes.protobuf";

/// The outer message. Views into the bytes it was read from.
struct ProtobufEnvelope {
  std::string_view api_version;
  std::string_view kind;
  std::string_view message;  // the object
};

/// Whether values of this type have a protobuf form. Those have none that are of custom resources,
/// or would be on a cluster.
[[nodiscard]] bool has_protobuf(const TypeInfo& type);

/// The bytes of an envelope before and after its message.
[[nodiscard]] std::string protobuf_envelope_head(std::string_view api_version,
                                                 std::string_view kind,
                                                 std::size_t message_bytes);
inline constexpr std::string_view kProtobufEnvelopeTail{"\x1a\0\x22\0", 4};

/// A message in its envelope.
[[nodiscard]] std::string protobuf_envelope(std::string_view api_version,
                                            std::string_view kind,
                                            std::string_view message);

/// Errors: kBadRequest when the bytes are no envelope, kUnsupportedMedia when the object inside is
/// encoded or of another type.
[[nodiscard]] Result<ProtobufEnvelope> read_protobuf_envelope(std::string_view bytes);

/// Reads an object from its envelope into a fresh struct. Requires: `type` is a kind.
/// Errors: kBadRequest, also when the envelope names another kind; fields that the table does not
/// know are skipped. `object` is then partly filled.
[[nodiscard]] Result<> decode_protobuf(const TypeInfo& type, void* object, std::string_view bytes);

/// Reads a bare message, without envelope.
[[nodiscard]] Result<> decode_protobuf_message(const TypeInfo& type,
                                               void* object,
                                               std::string_view message);

/// Appends the bare message. Empty members are left out.
void encode_protobuf_message(const TypeInfo& type, const void* object, std::string& out);

/// The object in its envelope. Requires: `type` is a kind.
[[nodiscard]] std::string encode_protobuf(const TypeInfo& type, const void* object);

template <class T>
[[nodiscard]] Result<T> decode_protobuf(std::string_view bytes) {
  T object;
  INSULA_TRY_VOID(decode_protobuf(type_of<T>(), &object, bytes));
  return object;
}

template <class T>
[[nodiscard]] std::string encode_protobuf(const T& object) {
  return encode_protobuf(type_of<T>(), &object);
}

}  // namespace insula::api
