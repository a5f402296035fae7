#include "http/testing/http2_test_client.h"

#include <algorithm>
#include <array>

#include <nghttp2/nghttp2.h>

namespace insula::http {
namespace {

nghttp2_session* native(void* session) {
  return static_cast<nghttp2_session*>(session);
}

std::string text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv pair_of(const std::pair<std::string, std::string>& field) {
  const auto bytes = [](const std::string& from) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(from.data()));
  };
  return {bytes(field.first), bytes(field.second), field.first.size(), field.second.size(),
          NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

std::string_view Http2TestClient::Reply::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

// NOLINTBEGIN(readability-function-size): the parameters are those that libnghttp2 gives
struct Http2TestClient::Callbacks {
  static int header(nghttp2_session* /*session*/,
                    const nghttp2_frame* frame,
                    const std::uint8_t* name,
                    std::size_t name_size,
                    const std::uint8_t* value,
                    std::size_t value_size,
                    std::uint8_t /*flags*/,
                    void* self) {
    Reply& reply = static_cast<Http2TestClient*>(self)->streams_[frame->hd.stream_id].reply;
    if (text(name, name_size) == ":status") {
      reply.status = std::stoi(text(value, value_size));
      reply.continued = reply.continued || reply.status == 100;
    } else {
      reply.fields.emplace_back(text(name, name_size), text(value, value_size));
    }
    return 0;
  }

  static int frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    auto& me = *static_cast<Http2TestClient*>(self);
    const bool has_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (has_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
      me.streams_[frame->hd.stream_id].reply.ended = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) me.goaway_ = frame->goaway.error_code;
    return 0;
  }

  static int data(nghttp2_session* session,
                  std::uint8_t /*flags*/,
                  StreamId id,
                  const std::uint8_t* bytes,
                  std::size_t size,
                  void* self) {
    auto& me = *static_cast<Http2TestClient*>(self);
    me.streams_[id].reply.body.append(text(bytes, size));
    if (me.reads_) nghttp2_session_consume(session, id, size);
    return 0;
  }

  static int closed(nghttp2_session* /*session*/, StreamId id, std::uint32_t code, void* self) {
    static_cast<Http2TestClient*>(self)->streams_[id].reply.closed = code;
    return 0;
  }

  static ssize_t read(nghttp2_session* /*session*/,
                      StreamId id,
                      std::uint8_t* into,
                      std::size_t size,
                      std::uint32_t* flags,
                      nghttp2_data_source* /*source*/,
                      void* self) {
    Stream& stream = static_cast<Http2TestClient*>(self)->streams_[id];
    const std::size_t taken = std::min(size, stream.unsent.size());
    std::copy_n(stream.unsent.begin(), taken, into);
    stream.unsent.erase(0, taken);
    if (stream.unsent.empty() && stream.last) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (taken == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(taken);
  }
};

// NOLINTEND(readability-function-size)

Http2TestClient::Http2TestClient(const Options& options) : reads_(options.reads) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::closed);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_client_new2(&session, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  session_ = session;
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &window, 1);
}

Http2TestClient::~Http2TestClient() {
  nghttp2_session_del(native(session_));
}

StreamId Http2TestClient::submit(const Fields& fields, std::string body, bool open) {
  std::vector<nghttp2_nv> pairs;
  for (const auto& field : fields)
    pairs.push_back(pair_of(field));
  const nghttp2_data_provider source{{}, &Callbacks::read};
  const bool has_body = open || !body.empty();
  const StreamId id = nghttp2_submit_request(native(session_), nullptr, pairs.data(), pairs.size(),
                                             has_body ? &source : nullptr, nullptr);
  streams_[id].unsent = std::move(body);
  streams_[id].last = !open;
  return id;
}

void Http2TestClient::send(StreamId id, std::string_view piece, bool last) {
  streams_[id].unsent.append(piece);
  streams_[id].last = last;
  nghttp2_session_resume_data(native(session_), id);
}

void Http2TestClient::reset(StreamId id, std::uint32_t code) {
  nghttp2_submit_rst_stream(native(session_), NGHTTP2_FLAG_NONE, id, code);
}

std::string Http2TestClient::output() {
  std::string out;
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(native(session_), &bytes);
    if (size <= 0) return out;
    out.append(text(bytes, static_cast<std::size_t>(size)));
  }
}

bool Http2TestClient::receive(std::string_view bytes) {
  return nghttp2_session_mem_recv(native(session_),
                                  reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                  bytes.size()) >= 0;
}

std::string http2_frame(int type, int flags, StreamId id, std::string_view payload) {
  const std::size_t size = payload.size();
  std::string frame;
  for (const std::size_t part : {size >> 16U, size >> 8U, size})
    frame += static_cast<char>(part);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0})
    frame += static_cast<char>(id >> shift);
  return frame.append(payload);
}

std::string http2_integer(std::size_t value, unsigned prefix_bits, unsigned first) {
  const std::size_t most = (std::size_t{1} << prefix_bits) - 1;
  if (value < most) return {static_cast<char>(first | value)};
  std::string bytes{static_cast<char>(first | most)};
  for (value -= most; value >= 128; value >>= 7U)
    bytes += static_cast<char>((value & 127U) | 128U);
  return bytes += static_cast<char>(value);
}

std::string http2_literal(std::string_view name, std::string_view value) {
  std::string literal(1, '\0');
  for (const std::string_view part : {name, value})
    literal.append(http2_integer(part.size(), 7)).append(part);
  return literal;
}

std::string http2_hello() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2_frame(NGHTTP2_SETTINGS, 0, 0, {});
}

Http2TestClient::Fields http2_post(std::string path, Http2TestClient::Fields more) {
  Http2TestClient::Fields fields = {{":method", "POST"},
                                    {":scheme", "http"},
                                    {":authority", "gateway"},
                                    {":path", std::move(path)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

}  // namespace insula::http
