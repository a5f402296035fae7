#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The wire format of protocol buffers: varints, tags, lengths.
namespace insula::api::wire {

enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// One field as it stands on the wire: `number` holds a varint or fixed value, `bytes` the rest.
struct Field {
  std::uint32_t tag = 0;
  Type type = Type::kVarint;
  std::uint64_t number = 0;
  std::string_view bytes;
};

/// Takes the fields of a message one after the other.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  /// False when the bytes are no field; then nothing more can be read.
  [[nodiscard]] bool next(Field& field);
  /// A varint without tag, as packed lists have them.
  [[nodiscard]] bool varint(std::uint64_t& out);

 private:
  [[nodiscard]] bool fixed(std::size_t size, std::uint64_t& out);

  std::string_view rest_;
};

void append_varint(std::string& out, std::uint64_t value);
void append_varint_field(std::string& out, std::uint32_t tag, std::uint64_t value);
void append_fixed64_field(std::string& out, std::uint32_t tag, std::uint64_t value);
/// What comes before the bytes of a string or message.
void append_bytes_head(std::string& out, std::uint32_t tag, std::size_t bytes);
void append_bytes_field(std::string& out, std::uint32_t tag, std::string_view bytes);

/// Writes the length of a message in front of it: construct, append the message, destroy.
class MessageField {
 public:
  MessageField(std::string& out, std::uint32_t tag);
  MessageField(const MessageField&) = delete;
  MessageField& operator=(const MessageField&) = delete;
  ~MessageField();

 private:
  std::string& out_;
  std::size_t start_;
};

}  // namespace insula::api::wire
