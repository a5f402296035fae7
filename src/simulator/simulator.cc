#include "simulator/simulator.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "base/random.h"
#include "json/parse.h"
#include "json/write.h"
#include "llm/openai_error.h"
#include "simulator/text.h"

namespace insula::simulator {
namespace {

constexpr std::size_t kBodyBytesMax = 16U << 20U;
constexpr std::size_t kEmbeddingSize = 64;
constexpr std::size_t kEmbeddingSizeMax = 4096;
constexpr std::size_t kInputsMax = 2048;
constexpr std::int64_t kTokensMax = 1'000'000;
constexpr std::string_view kFaultMark = "[[error:";

http::Response json_response(int status, std::string body) {
  return http::make_response(status, "application/json", std::move(body));
}

http::Response error_response(int status,
                              std::string_view message,
                              std::string_view type,
                              std::string_view code) {
  return json_response(status, llm::to_json({.message = message, .type = type, .code = code}));
}

http::Response error_response(const Error& error) {
  const bool unknown_model = error.code() == ErrorCode::kNotFound;
  return error_response(http_status(error.code()), error.message(), "invalid_request_error",
                        unknown_model ? "model_not_found" : "");
}

Task<> respond(http::Exchange& exchange, http::Response response) {
  // A client that has gone is no fault of ours.
  static_cast<void>(co_await exchange.respond(std::move(response)));
}

const json::Value* member(const json::Value& value, std::string_view name) {
  const json::Object* object = value.as_object();
  return object == nullptr ? nullptr : object->find(name);
}

bool is_true(const json::Value* value) {
  return value != nullptr && value->as_bool() == true;
}

/// The text of a string, or of the text parts of a list (OpenAI's content parts, or prompts).
void append_text(std::string& out, const json::Value& value) {
  if (const std::string* text = value.as_string(); text != nullptr) {
    out.append(*text).append("\n");
  } else if (const json::Array* parts = value.as_array(); parts != nullptr) {
    for (const json::Value& part : *parts)
      append_text(out, part);
  } else if (const json::Value* text_part = member(value, "text"); text_part != nullptr) {
    append_text(out, *text_part);
  }
}

Result<std::string> prompt_of(const json::Value& body, bool chat) {
  std::string prompt;
  const json::Value* source = member(body, chat ? "messages" : "prompt");
  if (source == nullptr) {
    return fail(ErrorCode::kBadRequest, chat ? "messages is required" : "prompt is required");
  }
  if (!chat) {
    append_text(prompt, *source);
    return prompt;
  }
  const json::Array* messages = source->as_array();
  if (messages == nullptr || messages->empty()) {
    return fail(ErrorCode::kBadRequest, "messages must be a list with at least one message");
  }
  for (const json::Value& message : *messages) {
    if (const json::Value* content = member(message, "content"); content != nullptr)
      append_text(prompt, *content);
  }
  return prompt;
}

/// `cached_tokens`: nothing when no cache is simulated.
json::Value usage_value(std::int64_t prompt_tokens,
                        std::int64_t completion_tokens,
                        std::optional<std::int64_t> cached_tokens) {
  json::Object usage{{"prompt_tokens", prompt_tokens},
                     {"completion_tokens", completion_tokens},
                     {"total_tokens", prompt_tokens + completion_tokens}};
  if (cached_tokens)
    usage.set("prompt_tokens_details", json::Object{{"cached_tokens", *cached_tokens}});
  return usage;
}

}  // namespace

/// vLLM's series, labelled as vLLM labels them.
struct Simulator::Series {
  Series(MetricsRegistry& registry, std::string model)
      : labels{{"model_name", std::move(model)}},
        running(
            registry.gauge("vllm:num_requests_running", "Requests being answered now.", labels)),
        waiting(registry.gauge(
            "vllm:num_requests_waiting", "Requests waiting; the simulator has none.", labels)),
        cache(registry.gauge(
            "vllm:kv_cache_usage_perc", "Share of the KV cache in use; simulated.", labels)),
        cache_queries(registry.counter("vllm:prefix_cache_queries_total",
                                       "Tokens of prompts looked for in the prefix cache.",
                                       labels)),
        cache_hits(registry.counter(
            "vllm:prefix_cache_hits_total", "Those of them that were there.", labels)),
        prompt_tokens(registry.counter("vllm:prompt_tokens_total", "Tokens of prompts.", labels)),
        generation_tokens(
            registry.counter("vllm:generation_tokens_total", "Tokens of replies.", labels)),
        stopped(finished(registry, "stop")),
        cut(finished(registry, "length")),
        aborted(finished(registry, "abort")),
        first_token(registry.histogram("vllm:time_to_first_token_seconds",
                                       "To the first token of a reply.",
                                       latency_bounds(),
                                       labels)),
        whole(registry.histogram("vllm:e2e_request_latency_seconds",
                                 "To the end of a reply.",
                                 latency_bounds(),
                                 labels)) {}

  [[nodiscard]] Counter& finished(MetricsRegistry& registry, const char* reason) const {
    Labels with_reason = labels;
    with_reason.emplace_back("finished_reason", reason);
    return registry.counter("vllm:request_success_total", "Requests that ended, by reason.",
                            with_reason);
  }

  Labels labels;
  Gauge& running;
  Gauge& waiting;
  Gauge& cache;
  Counter& cache_queries;
  Counter& cache_hits;
  Counter& prompt_tokens;
  Counter& generation_tokens;
  Counter& stopped;
  Counter& cut;
  Counter& aborted;
  Histogram& first_token;
  Histogram& whole;
};

/// A request for a completion, read and checked.
struct Simulator::Call {
  bool chat = true;
  bool streamed = false;
  bool usage_chunk = false;
  std::string id;
  std::string model;
  std::string prompt;
  std::int64_t prompt_tokens = 0;
  std::optional<std::int64_t> cached_tokens;
  std::int64_t created = 0;
  InventedReply reply;
  SteadyTime begin;

  [[nodiscard]] std::string_view finish_reason() const { return reply.cut ? "length" : "stop"; }

  [[nodiscard]] json::Object envelope(std::string_view object) const {
    return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const std::string_view token : reply.tokens)
      out.append(out.empty() ? "" : " ").append(token);
    return out;
  }

  /// One event of a stream. `token`: null in the last one, which says why it ended.
  [[nodiscard]] std::string chunk(std::optional<std::string> token) const {
    json::Object choice = {{"index", 0}};
    if (chat) {
      choice.set("delta", token ? json::Object{{"content", *token}} : json::Object{});
    } else {
      choice.set("text", token.value_or(""));
    }
    choice.set("finish_reason", token ? json::Value() : json::Value(finish_reason()));
    json::Object object = envelope(chat ? "chat.completion.chunk" : "text_completion");
    object.set("choices", json::Array{std::move(choice)});
    return event(std::move(object));
  }

  [[nodiscard]] static std::string event(json::Object object) {
    return "data: " + json::write(std::move(object)) + "\n\n";
  }
};

Simulator::Simulator(SimulatorOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      series_(std::make_unique<Series>(
          registry_,
          options_.models.empty() ? std::string(kDefaultModel) : options_.models.front())),
      prefix_cache_(options_.prefix_cache_blocks),
      errors_state_(options_.seed),
      server_(*this, {}) {}

Simulator::~Simulator() = default;

void Simulator::serve(std::unique_ptr<net::Listener> listener) {
  server_.serve(std::move(listener));
}

Task<> Simulator::drain(Deadline deadline) {
  ready_ = false;
  co_await server_.drain(deadline);
}

std::uint64_t Simulator::aborted() const {
  return series_->aborted.value();
}

std::int64_t Simulator::unix_now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
}

Task<> Simulator::handle(http::Exchange& exchange) {
  const std::string path(exchange.request().path());
  const bool get = exchange.request().method == "GET" || exchange.request().method == "HEAD";
  const bool post = exchange.request().method == "POST";
  if (path == "/health" || path == "/healthz") {
    co_await respond(exchange, http::make_response(ready_ ? 200 : 503, "text/plain",
                                                   ready_ ? "ok\n" : "draining\n"));
  } else if (path == "/metrics" && get) {
    co_await respond(exchange,
                     http::make_response(200, kPrometheusContentType, registry_.expose()));
  } else if (path == "/v1/models" && get) {
    co_await answer_models(exchange);
  } else if (path == "/v1/chat/completions" && post) {
    co_await answer_model_call(exchange, true);
  } else if (path == "/v1/completions" && post) {
    co_await answer_model_call(exchange, false);
  } else if (path == "/v1/embeddings" && post) {
    co_await answer_embeddings(exchange);
  } else {
    co_await respond(exchange, error_response(404, "there is nothing here: " + path,
                                              "invalid_request_error", ""));
  }
}

Task<> Simulator::answer_models(http::Exchange& exchange) const {
  json::Array list;
  const std::vector<std::string> fallback = {std::string(kDefaultModel)};
  for (const std::string& model : options_.models.empty() ? fallback : options_.models) {
    list.push_back(
        json::Object{{"id", model}, {"object", "model"}, {"created", 0}, {"owned_by", "insula"}});
  }
  co_await respond(
      exchange,
      json_response(200, json::write(json::Object{{"object", "list"}, {"data", std::move(list)}})));
}

Task<Result<json::Value>> Simulator::read_json(http::Exchange& exchange) {
  INSULA_CO_TRY(const std::string text, co_await exchange.body(kBodyBytesMax));
  auto value = json::parse(text);
  if (!value) co_return std::unexpected(std::move(value).error().in("the request body"));
  co_return value;
}

Result<std::string> Simulator::model_of(const json::Value& body) const {
  const json::Value* model = member(body, "model");
  const std::string* name = model == nullptr ? nullptr : model->as_string();
  if (name == nullptr) return fail(ErrorCode::kBadRequest, "model is required");
  const auto& models = options_.models;
  if (!models.empty() && std::ranges::find(models, *name) == models.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("the model `{}` does not exist", *name));
  }
  return *name;
}

/// What the request asks to go wrong: a status, `drop`, `cut`, `hang`, or nothing.
std::string Simulator::fault_of(const http::Request& request, std::string_view prompt) {
  if (const auto header = request.headers.find("X-Sim-Error"); header) return std::string(*header);
  if (const std::size_t mark = prompt.find(kFaultMark); mark != prompt.npos) {
    const std::string_view rest = prompt.substr(mark + kFaultMark.size());
    return std::string(rest.substr(0, rest.find("]]")));
  }
  if (options_.error_rate > 0) {
    SeededRandom random(errors_state_++);
    if (static_cast<double>(random.below(1'000'000)) < options_.error_rate * 1e6) return "500";
  }
  return {};
}

Task<> Simulator::fail_on_purpose(http::Exchange& exchange, std::string fault) {
  if (fault == "hang") {
    co_await exchange.client_gone();
    series_->aborted.add();
  } else if (fault == "drop") {
    ::shutdown(exchange.stream().fd(), SHUT_RDWR);
  } else if (fault == "cut") {
    // Started and not finished: the server breaks the connection.
    if (co_await exchange.start(200, {{"Content-Type", "application/json"}})) {
      static_cast<void>(co_await exchange.write(R"({"id":"cut","choices":[)"));
    }
  } else {
    const int status = std::atoi(fault.c_str());
    const bool sensible = status >= 400 && status <= 599;
    co_await respond(exchange, error_response(sensible ? status : 500, "failed on purpose",
                                              "server_error", "simulated"));
  }
}

Result<Simulator::Call> Simulator::read_call(const json::Value& body, bool chat) {
  Call call;
  call.chat = chat;
  call.begin = clock_.now();
  call.created = unix_now();
  INSULA_TRY(call.model, model_of(body));
  INSULA_TRY(call.prompt, prompt_of(body, chat));
  call.prompt_tokens = count_tokens(call.prompt);
  std::int64_t max_tokens = options_.max_tokens;
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    const json::Value* value = member(body, name);
    if (value == nullptr || value->is_null()) continue;
    const auto wanted = value->as_int64();
    if (!wanted || *wanted < 1 || *wanted > kTokensMax) {
      return fail(ErrorCode::kBadRequest,
                  fmt::format("{} must be a whole number from 1 to {}", name, kTokensMax));
    }
    max_tokens = std::min(max_tokens, *wanted);
  }
  call.reply = invent_reply(options_.seed, call.prompt, max_tokens);
  call.streamed = is_true(member(body, "stream"));
  if (const json::Value* options = member(body, "stream_options"); options != nullptr) {
    call.usage_chunk = is_true(member(*options, "include_usage"));
  }
  call.id = fmt::format("{}-{:016x}", chat ? "chatcmpl" : "cmpl",
                        options_.seed * 0x9e3779b97f4a7c15U + requests_);
  return call;
}

Task<> Simulator::answer_model_call(http::Exchange& exchange, bool chat) {
  ++requests_;
  const auto body = co_await read_json(exchange);
  auto call = body ? read_call(*body, chat) : Result<Call>(std::unexpected(body.error()));
  if (!call) {
    co_await respond(exchange, error_response(call.error()));
    co_return;
  }
  if (std::string fault = fault_of(exchange.request(), call->prompt); !fault.empty()) {
    co_await fail_on_purpose(exchange, std::move(fault));
    co_return;
  }
  if (options_.prefix_cache_blocks > 0) {
    call->cached_tokens = prefix_cache_.take(call->prompt);
    series_->cache_queries.add(static_cast<std::uint64_t>(call->prompt_tokens));
    series_->cache_hits.add(static_cast<std::uint64_t>(*call->cached_tokens));
    series_->cache.set(prefix_cache_.usage());
  }
  series_->running.add(1);
  series_->prompt_tokens.add(static_cast<std::uint64_t>(call->prompt_tokens));
  const auto ended = co_await race(
      call->streamed ? stream(exchange, *call) : generate(exchange, *call), exchange.client_gone());
  series_->running.add(-1);
  if (ended.index() == 1) {
    series_->aborted.add();
    co_return;
  }
  series_->whole.observe(std::chrono::duration<double>(clock_.now() - call->begin).count());
  (call->reply.cut ? series_->cut : series_->stopped).add();
}

/// What of the prompt is cached takes no time before the first token.
Deadline Simulator::token_time(const Call& call, std::size_t token) const {
  std::chrono::nanoseconds after = options_.time_to_first_token;
  if (const std::int64_t cached = call.cached_tokens.value_or(0); cached > 0)
    after = after * (call.prompt_tokens - cached) / call.prompt_tokens;
  if (options_.tokens_per_second > 0) {
    after += std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(token) * 1e9 / options_.tokens_per_second));
  }
  return call.begin + after;
}

Task<> Simulator::generate(http::Exchange& exchange, const Call& call) {
  const std::size_t tokens = call.reply.tokens.size();
  const Deadline ready = token_time(call, tokens == 0 ? 0 : tokens - 1);
  if (clock_.now() < ready) co_await sleep_until(ready);
  series_->generation_tokens.add(tokens);
  json::Object choice = {{"index", 0}};
  if (call.chat) {
    choice.set("message", json::Object{{"role", "assistant"}, {"content", call.text()}});
  } else {
    choice.set("text", call.text());
  }
  choice.set("finish_reason", call.finish_reason());
  json::Object object = call.envelope(call.chat ? "chat.completion" : "text_completion");
  object.set("choices", json::Array{std::move(choice)});
  object.set("usage", usage_value(call.prompt_tokens, static_cast<std::int64_t>(tokens),
                                  call.cached_tokens));
  co_await respond(exchange, json_response(200, json::write(std::move(object))));
}

Task<> Simulator::stream(http::Exchange& exchange, const Call& call) {
  http::Headers headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}};
  if (!co_await exchange.start(200, std::move(headers))) co_return;
  for (std::size_t i = 0; i < call.reply.tokens.size(); ++i) {
    const Deadline due = token_time(call, i);
    if (clock_.now() < due) co_await sleep_until(due);
    if (i == 0)
      series_->first_token.observe(
          std::chrono::duration<double>(clock_.now() - call.begin).count());
    series_->generation_tokens.add();
    const std::string token = (i == 0 ? "" : " ") + std::string(call.reply.tokens[i]);
    const std::string event = call.chunk(token);
    if (!co_await exchange.write(event)) co_return;
  }
  std::string end = call.chunk(std::nullopt);
  if (call.usage_chunk) {
    json::Object object = call.envelope(call.chat ? "chat.completion.chunk" : "text_completion");
    object.set("choices", json::Array{});
    object.set("usage",
               usage_value(call.prompt_tokens, static_cast<std::int64_t>(call.reply.tokens.size()),
                           call.cached_tokens));
    end += Call::event(std::move(object));
  }
  end += "data: [DONE]\n\n";
  if (!co_await exchange.write(end)) co_return;
  static_cast<void>(co_await exchange.finish());
}

Task<> Simulator::answer_embeddings(http::Exchange& exchange) {
  ++requests_;
  const auto body = co_await read_json(exchange);
  if (!body) {
    co_await respond(exchange, error_response(body.error()));
    co_return;
  }
  const auto model = model_of(*body);
  const json::Value* input = member(*body, "input");
  if (!model || input == nullptr) {
    co_await respond(exchange,
                     model ? error_response(400, "input is required", "invalid_request_error", "")
                           : error_response(model.error()));
    co_return;
  }
  const json::Array single = {*input};
  const json::Array& inputs = input->as_array() == nullptr ? single : *input->as_array();
  const json::Value* dimensions = member(*body, "dimensions");
  const auto size = static_cast<std::size_t>(
      std::clamp<std::int64_t>((dimensions == nullptr ? std::nullopt : dimensions->as_int64())
                                   .value_or(static_cast<std::int64_t>(kEmbeddingSize)),
                               1, kEmbeddingSizeMax));
  std::int64_t tokens = 0;
  json::Array data;
  for (std::size_t i = 0; i < std::min(inputs.size(), kInputsMax); ++i) {
    std::string text;
    append_text(text, inputs[i]);
    tokens += count_tokens(text);
    json::Array vector;
    for (const double entry : invent_embedding(options_.seed, text, size))
      vector.emplace_back(entry);
    data.push_back(
        json::Object{{"object", "embedding"}, {"index", i}, {"embedding", std::move(vector)}});
  }
  series_->prompt_tokens.add(static_cast<std::uint64_t>(tokens));
  json::Object object = {{"object", "list"}, {"data", std::move(data)}, {"model", *model}};
  object.set("usage", json::Object{{"prompt_tokens", tokens}, {"total_tokens", tokens}});
  co_await respond(exchange, json_response(200, json::write(std::move(object))));
}

}  // namespace insula::simulator
