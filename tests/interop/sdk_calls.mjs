// Calls of the official JavaScript libraries; prints what came back as one line of JSON:
// `node sdk_calls.mjs GATEWAY TENANT KEY`, with the libraries in the folder that INSULA_SDKS names.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.INSULA_SDKS}/`);
const { default: OpenAI } = require("openai");
const { default: Anthropic } = require("@anthropic-ai/sdk");
const [gateway, tenant, key] = process.argv.slice(2);
const chat = { model: "llm-sim", max_tokens: 5, messages: [{ role: "user", content: "hello there" }] };
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];

const client = (base, credential = key) =>
  new OpenAI({ baseURL: `${gateway}${base}/v1`, apiKey: credential, maxRetries: 0 });

async function errorOf(call) {
  try {
    await call();
    return "none";
  } catch (error) {
    return `${error.constructor.name} ${error.status} ${error.code ?? null}`;
  }
}

async function openaiCalls() {
  const api = client(`/${tenant}`);
  const stream = await api.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } });
  let streamPieces = 0;
  let streamUsage = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) ++streamPieces;
    streamUsage = chunk.usage?.completion_tokens ?? streamUsage;
  }
  const { response } = await api.chat.completions.create(chat).withResponse();
  return {
    models: (await api.models.list()).data.map((model) => model.id),
    chat: (await api.chat.completions.create(chat)).usage.completion_tokens,
    keyAlone: (await client("").chat.completions.create(chat)).object,
    streamPieces,
    streamUsage,
    tools: (await api.chat.completions.create({ ...chat, tools })).choices[0].finish_reason,
    completion: (await api.completions.create({ model: "llm-sim", prompt: "once", max_tokens: 3 })).usage.completion_tokens,
    embedding: (await api.embeddings.create({ model: "llm-sim", input: ["a", "b"], encoding_format: "float" })).data.length,
    remaining: Number(response.headers.get("x-ratelimit-remaining-requests")) > 0,
    errors: [
      await errorOf(() => client(`/${tenant}`, "wrong").models.list()),
      await errorOf(() => client("/nobody").models.list()),
      await errorOf(() => api.chat.completions.create({ model: "llm-sim", messages: [], max_tokens: -1 })),
      await errorOf(() => api.chat.completions.create(chat, { headers: { "X-Sim-Error": "503" } })),
    ],
  };
}

async function anthropicCalls() {
  const api = new Anthropic({ baseURL: `${gateway}/${tenant}`, apiKey: key, maxRetries: 0 });
  const say = { model: "claude", max_tokens: 20, messages: [{ role: "user", content: "hello" }] };
  const stream = api.messages.stream(say);
  const streamed = await stream.finalText();
  const usage = (await stream.finalMessage()).usage.output_tokens;
  const weather = [{ name: "weather", description: "tells it", input_schema: { type: "object", properties: {} } }];
  const called = (await api.messages.create({ ...say, tools: weather })).content.at(-1);
  const wrong = new Anthropic({ baseURL: `${gateway}/${tenant}`, apiKey: "wrong", maxRetries: 0 });
  return {
    message: (await api.messages.create(say)).content[0].text,
    streamed,
    streamUsage: usage,
    tool: `${called.name} ${called.input.city}`,
    count: (await api.messages.countTokens({ model: "claude", messages: say.messages })).input_tokens,
    errors: [await errorOf(() => wrong.messages.create(say))],
  };
}

console.log(JSON.stringify({ openai: await openaiCalls(), anthropic: await anthropicCalls() }));
