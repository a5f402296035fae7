#include "http/websocket_frame.h"

#include <algorithm>
#include <utility>

namespace insula::http::websocket {
namespace {

constexpr unsigned kFinalBit = 0x80;
constexpr unsigned kReservedBits = 0x70;
constexpr unsigned kMaskBit = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

unsigned byte_of(char c) {
  return static_cast<unsigned char>(c);
}

bool is_control(Opcode opcode) {
  return std::to_underlying(opcode) >= 8;
}

bool is_known(unsigned opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

/// Codes that may stand in a close frame (RFC 6455 section 7.4).
bool is_close_code(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

/// A row of Unicode's table 3-7, well-formed byte sequences: the second byte is what rules out
/// overlong forms, surrogates and what lies beyond U+10FFFF.
struct Utf8Form {
  unsigned lead_min;
  unsigned lead_max;
  std::size_t length;
  unsigned second_min = 0x80;
  unsigned second_max = 0xbf;
};

constexpr std::array kForms = std::to_array<Utf8Form>({
    {0x00, 0x7f, 1},
    {0xc2, 0xdf, 2},
    {0xe0, 0xe0, 3, 0xa0},
    {0xe1, 0xec, 3},
    {0xed, 0xed, 3, 0x80, 0x9f},
    {0xee, 0xef, 3},
    {0xf0, 0xf0, 4, 0x90},
    {0xf1, 0xf3, 4},
    {0xf4, 0xf4, 4, 0x80, 0x8f},
});

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto form = std::ranges::find_if(kForms, [lead = byte_of(text[0])](const Utf8Form& f) {
      return lead >= f.lead_min && lead <= f.lead_max;
    });
    if (form == kForms.end() || text.size() < form->length) return false;
    for (std::size_t i = 1; i < form->length; ++i) {
      const unsigned low = i == 1 ? form->second_min : 0x80;
      const unsigned high = i == 1 ? form->second_max : 0xbf;
      if (byte_of(text[i]) < low || byte_of(text[i]) > high) return false;
    }
    text.remove_prefix(form->length);
  }
  return true;
}

std::size_t Decoder::header_size() const {
  if (header_filled_ < 2) return 2;
  const unsigned second = byte_of(header_[1]);
  const unsigned length = second & 0x7f;
  return 2 +
         (length == kLength16   ? 2u
          : length == kLength64 ? 8u
                                : 0u) +
         ((second & kMaskBit) != 0 ? 4u : 0u);
}

bool Decoder::take_header(std::string_view& bytes) {
  while (header_filled_ < header_size()) {
    if (bytes.empty()) return false;
    header_[header_filled_++] = bytes.front();
    bytes.remove_prefix(1);
  }
  const std::size_t size = header_size();
  const unsigned second = byte_of(header_[1]);
  std::uint64_t length = second & 0x7f;
  if (length >= kLength16) {
    const std::size_t digits = length == kLength16 ? 2 : 8;
    const std::uint64_t smallest = length == kLength16 ? kLength16 : 0x10000;
    length = 0;
    for (std::size_t i = 0; i < digits; ++i)
      length = length << 8 | byte_of(header_[2 + i]);
    if (length < smallest) fail(kCloseProtocolError, "length is not in its shortest form");
  }
  if ((second & kMaskBit) != 0) std::copy_n(header_.begin() + (size - 4), 4, mask_.begin());
  mask_position_ = 0;
  check_header(length);
  header_filled_ = 0;
  return !violation_;
}

void Decoder::check_header(std::uint64_t length) {
  const unsigned first = byte_of(header_[0]);
  const bool masked = (byte_of(header_[1]) & kMaskBit) != 0;
  if ((first & kReservedBits) != 0)
    return fail(kCloseProtocolError, "reserved bit without an extension");
  if (!is_known(first & 0x0f)) return fail(kCloseProtocolError, "unknown opcode");
  if (masked != (role_ == Role::kServer)) {
    return fail(kCloseProtocolError,
                masked ? "masked frame from a server" : "unmasked frame from a client");
  }
  const Frame frame{static_cast<Opcode>(first & 0x0f), (first & kFinalBit) != 0, length};
  if (is_control(frame.opcode)) {
    if (length > kControlBytesMax || !frame.final)
      return fail(kCloseProtocolError, "control frame too long or fragmented");
  } else {
    const bool continues = frame.opcode == Opcode::kContinuation;
    const bool under_way = message_opcode_ != Opcode::kContinuation;
    if (continues != under_way) return fail(kCloseProtocolError, "fragments out of order");
    if (length > message_bytes_max_ - message_.size()) return fail(kCloseTooBig, "message too big");
    if (!continues) message_opcode_ = frame.opcode;
  }
  frame_ = frame;
  in_frame_ = true;
}

void Decoder::take_payload(std::string_view& bytes) {
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(frame_.left, bytes.size()));
  std::string& target = is_control(frame_.opcode) ? control_ : message_;
  const std::size_t start = target.size();
  target.append(bytes.substr(0, size));
  if (role_ == Role::kServer) {
    for (std::size_t i = 0; i < size; ++i) {
      target[start + i] = static_cast<char>(target[start + i] ^ mask_[(mask_position_ + i) % 4]);
    }
    mask_position_ = (mask_position_ + size) % 4;
  }
  bytes.remove_prefix(size);
  frame_.left -= size;
}

std::optional<Received> Decoder::end_frame() {
  const Frame frame = frame_;
  in_frame_ = false;
  if (is_control(frame.opcode)) {
    Received event{frame.opcode, std::exchange(control_, {})};
    if (frame.opcode != Opcode::kClose) return event;
    const std::string& payload = event.payload;
    if (payload.size() == 1) {
      fail(kCloseProtocolError, "close frame with half a code");
    } else if (payload.size() >= 2 &&
               !is_close_code(byte_of(payload[0]) << 8 | byte_of(payload[1]))) {
      fail(kCloseProtocolError, "forbidden close code");
    } else if (payload.size() > 2 && !is_utf8(std::string_view(payload).substr(2))) {
      fail(kCloseNotUtf8, "close reason is not UTF-8");
    }
    return violation_ ? std::nullopt : std::optional(std::move(event));
  }
  if (!frame.final) return std::nullopt;
  Received event{std::exchange(message_opcode_, Opcode::kContinuation),
                 std::exchange(message_, {})};
  if (event.opcode == Opcode::kText && !is_utf8(event.payload)) {
    fail(kCloseNotUtf8, "text message is not UTF-8");
    return std::nullopt;
  }
  return event;
}

std::optional<Received> Decoder::next(std::string_view& bytes) {
  while (!violation_) {
    if (!in_frame_ && !take_header(bytes)) return std::nullopt;
    take_payload(bytes);
    if (frame_.left > 0) return std::nullopt;
    if (auto event = end_frame()) return event;
  }
  return std::nullopt;
}

std::string frame_header(Opcode opcode,
                         std::uint64_t payload_bytes,
                         const std::array<char, 4>* mask) {
  std::string header;
  header.push_back(static_cast<char>(kFinalBit | std::to_underlying(opcode)));
  const unsigned masked = mask != nullptr ? kMaskBit : 0;
  const auto append_length = [&](unsigned marker, int bytes) {
    header.push_back(static_cast<char>(masked | marker));
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      header.push_back(static_cast<char>(payload_bytes >> shift));
  };
  if (payload_bytes < kLength16) {
    append_length(static_cast<unsigned>(payload_bytes), 0);
  } else if (payload_bytes < 0x10000) {
    append_length(kLength16, 2);
  } else {
    append_length(kLength64, 8);
  }
  if (mask != nullptr) header.append(mask->data(), mask->size());
  return header;
}

void apply_mask(std::string& payload, const std::array<char, 4>& mask) {
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  payload += reason.substr(0, kControlBytesMax - payload.size());
  // Cutting must not split a character.
  while (payload.size() > 2 && !is_utf8(std::string_view(payload).substr(2)))
    payload.pop_back();
  return payload;
}

}  // namespace insula::http::websocket
