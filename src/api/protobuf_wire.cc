#include "api/protobuf_wire.h"

namespace insula::api::wire {

bool Reader::varint(std::uint64_t& out) {
  out = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return false;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    out |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return true;
  }
  return false;
}

bool Reader::fixed(std::size_t size, std::uint64_t& out) {
  if (rest_.size() < size) return false;
  out = 0;
  for (std::size_t i = 0; i < size; ++i)
    out |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(rest_[i])) << (8 * i);
  rest_.remove_prefix(size);
  return true;
}

bool Reader::next(Field& field) {
  std::uint64_t key = 0;
  if (!varint(key) || key >> 3U == 0 || key >> 3U > 0x1fffffffU) return false;
  field = {};
  field.tag = static_cast<std::uint32_t>(key >> 3U);
  switch (key & 7U) {
    case 0:
      field.type = Type::kVarint;
      return varint(field.number);
    case 1:
      field.type = Type::kFixed64;
      return fixed(8, field.number);
    case 5:
      field.type = Type::kFixed32;
      return fixed(4, field.number);
    case 2:
      break;
    default:
      return false;  // groups are not used
  }
  field.type = Type::kBytes;
  std::uint64_t size = 0;
  if (!varint(size) || size > rest_.size()) return false;
  field.bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7fU) | 0x80U);
    value >>= 7U;
  }
  out += static_cast<char>(value);
}

void append_varint_field(std::string& out, std::uint32_t tag, std::uint64_t value) {
  append_varint(out, std::uint64_t{tag} << 3U);
  append_varint(out, value);
}

void append_fixed64_field(std::string& out, std::uint32_t tag, std::uint64_t value) {
  append_varint(out, std::uint64_t{tag} << 3U | 1U);
  for (unsigned i = 0; i < 8; ++i)
    out += static_cast<char>(value >> (8 * i) & 0xffU);
}

void append_bytes_head(std::string& out, std::uint32_t tag, std::size_t bytes) {
  append_varint(out, std::uint64_t{tag} << 3U | 2U);
  append_varint(out, bytes);
}

void append_bytes_field(std::string& out, std::uint32_t tag, std::string_view bytes) {
  append_bytes_head(out, tag, bytes.size());
  out += bytes;
}

MessageField::MessageField(std::string& out, std::uint32_t tag) : out_(out) {
  append_varint(out_, std::uint64_t{tag} << 3U | 2U);
  start_ = out_.size();
}

MessageField::~MessageField() {
  std::string size;
  append_varint(size, out_.size() - start_);
  out_.insert(start_, size);
}

}  // namespace insula::api::wire
