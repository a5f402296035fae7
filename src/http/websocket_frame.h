#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace insula::http::websocket {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

/// Which end we are: clients mask what they send, servers do not.
enum class Role : std::uint8_t { kServer, kClient };

/// Close codes of RFC 6455 section 7.4.1 that we send.
inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseProtocolError = 1002;
inline constexpr std::uint16_t kCloseNoStatus = 1005;  // never sent: the peer gave none
inline constexpr std::uint16_t kCloseNotUtf8 = 1007;
inline constexpr std::uint16_t kCloseTooBig = 1009;

/// Largest payload of a control frame.
inline constexpr std::size_t kControlBytesMax = 125;

/// A whole message, put together from its fragments, or a control frame.
struct Received {
  Opcode opcode = Opcode::kText;  // never kContinuation
  std::string payload;

  bool operator==(const Received&) const = default;
};

/// What a peer did wrong: the close code to answer with, and words for a log.
struct Violation {
  std::uint16_t code = kCloseProtocolError;
  std::string_view what;
};

/// Turns received bytes into messages, whatever pieces they arrive in.
///
/// Memory is bounded by `message_bytes_max` and follows the bytes that have arrived, not the length
/// that a frame announces.
///
/// Spec: RFC 6455 sections 5.2 to 5.5 and 8.1, without extensions.
class Decoder {
 public:
  Decoder(Role role, std::size_t message_bytes_max)
      : role_(role), message_bytes_max_(message_bytes_max) {}

  /// Takes bytes off the front of `bytes` until an event is complete. nullopt: all are used up and
  /// more are needed, or violation() is set.
  [[nodiscard]] std::optional<Received> next(std::string_view& bytes);

  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }

 private:
  struct Frame {
    Opcode opcode = Opcode::kContinuation;
    bool final = false;
    std::uint64_t left = 0;
  };

  void fail(std::uint16_t code, std::string_view what) { violation_ = Violation{code, what}; }

  [[nodiscard]] std::size_t header_size() const;
  [[nodiscard]] bool take_header(std::string_view& bytes);
  void check_header(std::uint64_t length);
  void take_payload(std::string_view& bytes);
  [[nodiscard]] std::optional<Received> end_frame();

  Role role_;
  std::size_t message_bytes_max_;
  std::optional<Violation> violation_;
  std::array<char, 14> header_{};
  std::size_t header_filled_ = 0;
  Frame frame_;
  bool in_frame_ = false;
  std::array<char, 4> mask_{};
  std::size_t mask_position_ = 0;
  std::string message_;
  std::string control_;
  /// kText or kBinary while a message is under way, else kContinuation.
  Opcode message_opcode_ = Opcode::kContinuation;
};

/// Header of a frame that is a message of its own. `mask`: null for a server's frames; else the
/// payload must be masked with it.
[[nodiscard]] std::string frame_header(Opcode opcode,
                                       std::uint64_t payload_bytes,
                                       const std::array<char, 4>* mask);

/// XORs `payload` with the mask, in place.
void apply_mask(std::string& payload, const std::array<char, 4>& mask);

/// Payload of a close frame.
[[nodiscard]] std::string close_payload(std::uint16_t code, std::string_view reason);

/// True for well-formed UTF-8 without surrogates and overlong forms.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace insula::http::websocket
