// The peer to beat: uWebSockets speaking as much of notiflux's text mode as a benchmark needs. No tokens are checked.
//
// With the repositories uWebSockets and uSockets of github.com/uNetworking beside this file:
//   gcc -O3 -flto -std=c11 -DLIBUS_NO_SSL -IuSockets/src -c uSockets/src/*.c uSockets/src/eventing/*.c \
//     uSockets/src/crypto/*.c
//   g++ -O3 -flto=auto -std=c++20 -DLIBUS_NO_SSL -DUWS_NO_ZLIB -DNDEBUG -IuSockets/src -IuWebSockets/src \
//     uwebsockets.cpp *.o -o uwebsockets
#include "App.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr unsigned maximumMessage = 64 * 1024;
constexpr unsigned maximumPending = 4 * 1024 * 1024;

struct Nothing {};

// The string that stands behind `name`, quotes included, in a flat object of strings without escapes.
std::string_view member(std::string_view object, std::string_view name) {
  size_t place = object.find(name);
  if (place == object.npos) return {};
  size_t start = object.find('"', place + name.size());
  if (start == object.npos) return {};
  size_t end = object.find('"', start + 1);
  return end == object.npos ? std::string_view() : object.substr(start + 1, end - start - 1);
}

void take(auto *socket, std::string_view text) {
  constexpr std::string_view subscribe = "/subscribe ";
  if (text.starts_with(subscribe)) {
  text.remove_prefix(subscribe.size());
  socket->subscribe(text.substr(0, text.find(' ')));
  } else if (text.starts_with('/')) {
  socket->send("Unknown command", uWS::OpCode::TEXT);
  }
}

void publish(uWS::App &app, auto *response, std::string_view body) {
  std::string_view topic = member(body, "\"topic\"");
  if (topic.empty()) {
  response->writeStatus("400 Bad Request")->end("{\"error\":\"no topic\",\"code\":\"bad_request\"}");
  return;
  }
  app.publish(topic, member(body, "\"message\""), uWS::OpCode::TEXT);
  response->writeHeader("Content-Type", "application/json")->end("{\"cursor\":\"peer:1\"}");
}

}  // namespace

int main() {
  const char *given = std::getenv("PORT");
  int port = given ? std::atoi(given) : 8080;
  uWS::App app;
  app.ws<Nothing>("/ws", {
  .compression = uWS::DISABLED,
  .maxPayloadLength = maximumMessage,
  .idleTimeout = 0,
  .maxBackpressure = maximumPending,
  .closeOnBackpressureLimit = true,
  .sendPingsAutomatically = false,
  .message = [](auto *socket, std::string_view text, uWS::OpCode) { take(socket, text); },
  });
  app.post("/broadcast", [&app](auto *response, auto *) {
  response->onAborted([] {});
  response->onData([&app, response, body = std::string()](std::string_view part, bool isLast) mutable {
  if (isLast && body.empty()) return publish(app, response, part);
  body.append(part);
  if (isLast) publish(app, response, body);
  });
  });
  app.listen("127.0.0.1", port, [port](auto *socket) {
  if (!socket) {
  std::fprintf(stderr, "cannot listen on port %d\n", port);
  std::exit(1);
  }
  });
  app.run();
}
