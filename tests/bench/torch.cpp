#include "tests/bench/torch.h"

#include <fmt/format.h>
#include <signal.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "reference/error.h"

extern char** environ;

namespace moe::bench {
namespace {

std::string version;

// The process and its pipes.
class Process {
 public:
  Process(const std::string& python, const std::string& script) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
      throw Error("torch: no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    std::string program = python, file = script;
    char* arguments[] = {program.data(), file.data(), nullptr};
    const bool failed =
        posix_spawn(&pid_, python.c_str(), &actions, nullptr, arguments, environ) != 0;
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    in_ = fdopen(to[1], "wb");
    out_ = fdopen(from[0], "rb");
    if (failed) pid_ = -1;
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    std::fclose(in_);
    std::fclose(out_);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }

  void say(const std::string& line) { write(line.data(), line.size()); }
  void write(const void* data, std::size_t bytes) { std::fwrite(data, 1, bytes, in_); }

  // The next line. Throws Error with what the process has to say if that is an error.
  std::string answer() {
    std::fflush(in_);
    std::string line;
    for (int c = std::fgetc(out_); c != '\n'; c = std::fgetc(out_)) {
      if (c == EOF) throw Error("torch: the process has ended");
      line += static_cast<char>(c);
    }
    if (line.starts_with("error ")) throw Error("torch: " + line.substr(6));
    return line;
  }

  void read(void* data, std::size_t bytes) {
    if (std::fread(data, 1, bytes, out_) != bytes) throw Error("torch: the process has ended");
  }

 private:
  pid_t pid_ = -1;
  std::FILE *in_ = nullptr, *out_ = nullptr;
};

// A process with the weights of a shape and the batches it has been given.
struct Session {
  Session(const std::string& python, const std::string& script, const Shape& s)
      : process(python, script) {
    process.say(fmt::format("load {} {} {} {}\n", s.D, s.F, s.E, s.K));
    version = process.answer().substr(std::string("ready ").size());
  }

  int id(const Tokens& tokens) {
    const auto it = known.find(&tokens);
    if (it != known.end()) return it->second;
    const int fresh = static_cast<int>(known.size());
    known[&tokens] = fresh;
    process.say(fmt::format("tokens {} {}\n", fresh, tokens.x.rows()));
    send(tokens.x);
    send(tokens.routing.selected);
    send(tokens.routing.weights);
    return fresh;
  }

  void send(const auto& m) { process.write(m.data(), 4 * static_cast<std::size_t>(m.size())); }

  Process process;
  std::map<const Tokens*, int> known;
};

class Torch : public Engine {
 public:
  Torch(std::shared_ptr<Session> session, std::string mode, std::string format)
      : session_(std::move(session)), mode_(std::move(mode)), format_(std::move(format)) {}

  double seconds(const Tokens& tokens, int threads) override {
    ask("time", tokens, threads);
    return std::stod(session_->process.answer());
  }

  Matrix output(const Tokens& tokens, int threads) override {
    ask("output", tokens, threads);
    session_->process.answer();
    Matrix y(tokens.x.rows(), tokens.x.cols());
    session_->process.read(y.data(), sizeof(float) * static_cast<std::size_t>(y.size()));
    return y;
  }

  void forget_tokens() override { session_->known.clear(); }

 private:
  void ask(const char* what, const Tokens& tokens, int threads) {
    const int id = session_->id(tokens);
    session_->process.say(fmt::format("{} {} {} {} {}\n", what, mode_, format_, threads, id));
  }

  std::shared_ptr<Session> session_;
  std::string mode_, format_;
};

}  // namespace

std::unique_ptr<Engine> make_torch(const std::string& name, const Shape& shape,
                                   std::string& missing) {
  static std::weak_ptr<Session> current;
  static std::string shape_of_current, failed;
  const char* python = std::getenv("EXACTMOE_BENCH_PYTHON");
  missing = failed;
  if (python == nullptr) missing = "EXACTMOE_BENCH_PYTHON names no Python that has them";
  if (!missing.empty()) return {};
  std::shared_ptr<Session> session = current.lock();
  if (!session || shape_of_current != shape.name) {
    try {
      signal(SIGPIPE, SIG_IGN);  // a process that ends is an answer too
      session = std::make_shared<Session>(python, EXACTMOE_TORCH_PEER, shape);
    } catch (const Error& error) {
      missing = failed = error.what();
      return {};
    }
    current = session;
    shape_of_current = shape.name;
  }
  const std::size_t first = name.find('-'), last = name.rfind('-');
  return std::make_unique<Torch>(session, name.substr(first + 1, last - first - 1),
                                 name.substr(last + 1));
}

std::string torch_version() { return version; }

}  // namespace moe::bench
