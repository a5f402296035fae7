// What attackers do to the header, the parts and the spelling of signed tokens: classes of
// Wycheproof's JWS vectors and of RFC 8725, made here with keys of our own. Each case is signed as
// well as its attacker could, so that it is refused for what it is about.

#include <gtest/gtest.h>

#include "jose/jws.h"
#include "jose/testing/signed_tokens.h"

namespace insula::jose {
namespace {

TEST(JwsAttack, WhatIsNotAttackedIsAccepted) {
  for (const auto& [algorithm, type] : kServed) {
    const auto verified = verify_jws(good_token(algorithm, type), issuer_keys());
    ASSERT_TRUE(verified) << algorithm << ": " << verified.error().message();
    EXPECT_EQ(name_of(verified->algorithm), algorithm);
    EXPECT_EQ(verified->payload, kPayload);
  }
  const std::vector secret = {JwsKey::from_secret(kSharedSecret).value()};
  EXPECT_TRUE(verify_jws(hmac_token(kSharedSecret, header_of("HS256")), secret));
}

TEST(JwsAttack, NoKeyServesThePrimitiveOfAnother) {
  // Signed with what `used` is, under a header that says something else.
  for (const auto& used : kServed) {
    for (const auto& said : kServed) {
      if (used.algorithm == std::string_view(said.algorithm)) continue;
      const std::string token =
          signing_key(used.type).token(used.algorithm, header_of(said.algorithm), kPayload);
      EXPECT_FALSE(verify_jws(token, issuer_keys()))
          << used.algorithm << " said to be " << said.algorithm;
    }
  }
  // The right curve's algorithm with a digest that is not its own.
  const SigningKey& p256 = signing_key("P-256");
  for (const char* digest : {"SHA384", "SHA512", "SHA1"}) {
    const std::string token = p256.token("ES256", header_of("ES256"), kPayload);
    const std::string input = token.substr(0, token.rfind('.'));
    EXPECT_FALSE(verify_jws(
        input + "." + base64url_encode(p256.sign(std::string("ES") + (digest + 3), input)),
        issuer_keys()))
        << digest;
  }
}

TEST(JwsAttack, AKeyServesOneAlgorithmWhenItsIssuerSaysSo) {
  JwsKey key = signing_key("RSA").public_key();
  key.restrict_to({JwsAlgorithm::kPs256});
  EXPECT_TRUE(verify_jws(good_token("PS256", "RSA"), std::vector{key}));
  for (const char* other : {"RS256", "RS512", "PS384", "PS512"})
    EXPECT_FALSE(verify_jws(good_token(other, "RSA"), std::vector{key})) << other;
}

TEST(JwsAttack, AKeyAloneServesNothingButItsAlgorithmsEither) {
  JwsKey key = signing_key("RSA").public_key();
  const std::string input = "text";
  EXPECT_TRUE(key.verify(JwsAlgorithm::kRs256, input, signing_key("RSA").sign("RS256", input)));
  key.restrict_to({JwsAlgorithm::kPs256});
  EXPECT_FALSE(key.verify(JwsAlgorithm::kRs256, input, signing_key("RSA").sign("RS256", input)));
  EXPECT_FALSE(key.verify(JwsAlgorithm::kHs256, input, hmac("", input)));
  EXPECT_FALSE(key.verify(JwsAlgorithm::kEs256, input, signing_key("P-256").sign("ES256", input)));
}

TEST(JwsAttack, HeadersThatAskForLess) {
  const SigningKey& rsa = signing_key("RSA");
  for (const std::string_view header : {
           R"({"alg":"none"})",
           R"({"alg":"None"})",
           R"({"alg":"NONE"})",
           R"({"alg":"nOnE"})",
           R"({"alg":"rs256"})",
           R"({"alg":"Rs256"})",
           R"({"alg":"RS256 "})",
           R"({"alg":" RS256"})",
           R"({"alg":"RS256\u0000"})",
           R"({"alg":"RS1"})",
           R"({"alg":"RSA1_5"})",
           R"({"alg":"RSA-OAEP","enc":"A128GCM"})",
           R"({"alg":"dir","enc":"A128GCM"})",
           R"({"alg":"HS384"})",
           R"({"alg":"HS512"})",
           R"({"alg":"ES256K"})",
           R"({"alg":""})",
           R"({"alg":null})",
           R"({"alg":["RS256"]})",
           R"({"alg":{"RS256":1}})",
           R"({"alg":256})",
           R"({"ALG":"RS256"})",
           R"({"typ":"JWT"})",
           R"({})",
           R"([{"alg":"RS256"}])",
           R"("RS256")",
           R"(null)",
           "",
           R"({"alg":"RS256")",
           R"({"alg":"RS256"}})",
           R"({"alg":"RS256"}{"alg":"RS256"})",
           R"({'alg':'RS256'})",
           R"({alg:"RS256"})",
           R"({"alg":"RS256",})",
           "{\"alg\":\"RS256\"\xff}",
           "{\"alg\":\"RS256\",\"x\":\"\xc3\x28\"}",
           "{\"alg\":\"RS256\",\"x\":\"\n\"}",
           "\xef\xbb\xbf\xef\xbb\xbf{\"alg\":\"RS256\"}",
           R"({"alg":"RS256","alg":"RS256"})",
           R"({"alg":"none","alg":"RS256"})",
           R"({"alg":"RS256","\u0061lg":"none"})",
           R"({"alg":"RS256","kid":"RSA","kid":"P-256"})",
           R"({"alg":"RS256","crit":[]})",
           R"({"alg":"RS256","crit":["exp"],"exp":1})",
           R"({"alg":"RS256","crit":["b64"],"b64":true})",
           R"({"alg":"RS256","crit":["b64"],"b64":false})",
           R"({"alg":"RS256","crit":null})",
           R"({"alg":"RS256","kid":1})",
           R"({"alg":"RS256","kid":null})",
           R"({"alg":"RS256","kid":["RSA"]})",
           R"({"alg":"RS256","kid":"../../../../dev/null"})",
           R"({"alg":"RS256","kid":"x' OR '1'='1"})",
           R"({"alg":"RS256","kid":"P-256"})",
           R"({"alg":"RS256","kid":"rsa"})",
       }) {
    EXPECT_FALSE(verify_jws(rsa.token("RS256", header, kPayload), issuer_keys())) << header;
    const std::string unsigned_token =
        base64url_encode(header) + "." + base64url_encode(kPayload) + ".";
    EXPECT_FALSE(verify_jws(unsigned_token, issuer_keys())) << header;
  }
}

TEST(JwsAttack, HeadersOfTheSameMeaningAreOne) {
  for (const std::string_view header :
       {R"({"alg":"RS256","kid":"RSA"})", R"({"alg":"\u0052S\u00325\u0036"})",
        "{\r\n \"typ\" : \"JWT\",\t\"alg\":\"RS256\" }\n", R"({"alg":"RS256","b64":false})",
        R"({"alg":"RS256","cty":"JWT","x":{"y":[1,2.5,null]}})"}) {
    EXPECT_TRUE(verify_jws(signing_key("RSA").token("RS256", header, kPayload), issuer_keys()))
        << header;
  }
}

TEST(JwsAttack, KeysInTheHeaderAreNotLookedAt) {
  const SigningKey attacker("RSA");
  for (const std::string& member :
       {"\"jwk\":" + attacker.jwk(), "\"jwk\":" + attacker.jwk(R"("kid":"RSA",)"),
        std::string(R"("jku":"https://evil.example/keys")"),
        std::string(R"("jku":"http://127.0.0.1:1/keys")"),
        std::string(R"("x5u":"https://evil.example/cert")"), std::string(R"("x5c":["MIIB"])"),
        std::string(R"("x5t":"AAAA")"), std::string(R"("x5t#S256":"AAAA")")}) {
    const std::string header = R"({"alg":"RS256",)" + member + "}";
    EXPECT_FALSE(verify_jws(attacker.token("RS256", header, kPayload), issuer_keys())) << member;
    EXPECT_TRUE(verify_jws(signing_key("RSA").token("RS256", header, kPayload), issuer_keys()))
        << member;
  }
}

TEST(JwsAttack, WhatIsPublicIsNoSecret) {
  const SigningKey& rsa = signing_key("RSA");
  for (const std::string& secret :
       {rsa.jwk(), rsa.raw_number("n"), rsa.raw_number("e"), signing_key("P-256").jwk(),
        signing_key("P-256").raw_number("qx"), std::string(), std::string(32, '\0')}) {
    EXPECT_FALSE(verify_jws(hmac_token(secret, header_of("HS256")), issuer_keys()));
    EXPECT_FALSE(verify_jws(hmac_token(secret, R"({"alg":"HS256","kid":"RSA"})"), issuer_keys()));
  }
}

TEST(JwsAttack, OtherSerialisationsAndSpellings) {
  const std::string good = good_token("ES256", "P-256");
  const std::size_t first = good.find('.');
  const std::size_t second = good.rfind('.');
  const std::string header = good.substr(0, first);
  const std::string payload = good.substr(first + 1, second - first - 1);
  const std::string signature = good.substr(second + 1);
  ASSERT_TRUE(verify_jws(good, issuer_keys()));
  ASSERT_EQ(signature.size(), 86U);  // 64 bytes: the last character has four stray bits.
  const auto strayed = [&](const std::string& text) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string other = text;
    other.back() = kAlphabet[kAlphabet.find(other.back()) | 1U];
    return other;
  };
  std::vector<std::string> wrong = {
      "",
      ".",
      "..",
      "...",
      header,
      header + ".",
      header + "." + payload,
      header + "." + payload + ".",
      header + ".." + signature,
      "." + payload + "." + signature,
      header + "." + signature,
      payload + "." + signature,
      good + ".",
      good + "..",
      "." + good,
      good + "." + signature,
      good + ".AA.AA",
      header + ".." + payload + "." + signature,
      good + "=",
      good + "==",
      header + "=." + payload + "." + signature,
      header + "." + payload + "=." + signature,
      header + "." + payload + "." + strayed(signature),
      good + " ",
      " " + good,
      good + "\n",
      good + "\r\n",
      good + std::string(1, '\0'),
      header + "\n." + payload + "." + signature,
      header + ". " + payload + "." + signature,
      header + "." + payload + ".\t" + signature,
      header + "." + payload.substr(0, 4) + "\n" + payload.substr(4) + "." + signature,
      header + "." + payload.substr(0, 4) + "%0A" + payload.substr(4) + "." + signature,
      header + "." + payload + "." + signature.substr(0, 85),
      header + "." + payload + "." + signature + "A",
      header + "." + payload + "." + signature + "AA",
      header + "." + payload + "." + signature.substr(0, 84) + "+/",
      R"({"payload":")" + payload + R"(","protected":")" + header + R"(","signature":")" +
          signature + R"("})",
      R"({"payload":")" + payload + R"(","signatures":[{"protected":")" + header +
          R"(","signature":")" + signature + R"("}]})",
      // Unencoded, as b64=false has it.
      header + "." + std::string(kPayload) + "." + signature,
      // Five parts: an encrypted token.
      "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA",
  };
  for (const std::string& token : wrong)
    EXPECT_FALSE(verify_jws(token, issuer_keys())) << token;
}

TEST(JwsAttack, AnyChangedByteIsNoticed) {
  for (const auto& [algorithm, type] : kServed) {
    const std::string good = good_token(algorithm, type);
    for (std::size_t i = 0; i < good.size(); i += 3) {
      std::string changed = good;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(verify_jws(changed, issuer_keys())) << algorithm << ", byte " << i;
    }
    const std::string signature = signature_of(good);
    for (const std::string& other :
         {std::string(), signature.substr(1), signature.substr(0, signature.size() - 1),
          signature + '\0', '\0' + signature, signature + signature,
          std::string(signature.size(), '\0'), std::string(signature.size(), '\xff'),
          std::string(1, '\0')}) {
      EXPECT_FALSE(verify_jws(with_signature(good, other), issuer_keys())) << algorithm;
    }
  }
}

TEST(JwsAttack, HugeAndDeepTokensAreRefusedBeforeTheyCost) {
  const SigningKey& ed = signing_key("Ed25519");
  const auto with_header = [&](const std::string& member) {
    return ed.token("EdDSA", R"({"alg":"EdDSA","x":)" + member + "}", kPayload);
  };
  EXPECT_TRUE(verify_jws(with_header('"' + std::string(4000, 'x') + '"'), issuer_keys()));
  EXPECT_FALSE(verify_jws(with_header('"' + std::string(8000, 'x') + '"'), issuer_keys()));
  EXPECT_FALSE(
      verify_jws(with_header(std::string(2000, '[') + std::string(2000, ']')), issuer_keys()));
  EXPECT_FALSE(verify_jws(std::string(std::size_t{1} << 20U, '.'), issuer_keys()));
}

}  // namespace
}  // namespace insula::jose
