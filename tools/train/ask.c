// Answers one question a line, greedily, each in a conversation of its own: what evaluate_files.py scores.
//
//   printf 'Hello\n' | ask model.gguf [--plugins FOLDER] [--bank FILE [--generic] [--deny LEVEL:ID]...]
//
// One line an answer; "\n" within an answer is written as a space. With a bank each question takes the path that it leads
// to, or with --generic none. Exit status 1 after any error, which goes to stderr.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/capi/kinglet.h"

enum { kMostTokens = 1024, kMostAnswerTokens = 120, kMostDenied = 256 };

static int Fail(const char* what, const kl_error* error) {
  fprintf(stderr, "ask: %s: %s\n", what, error->message);
  return 1;
}

static bool Print(void* user, const char* text, size_t length) {
  (void)user;
  for (size_t i = 0; i < length; ++i) putchar(text[i] == '\n' ? ' ' : text[i]);
  return true;
}

static kl_code Answer(kl_model* model, kl_session* session, const char* question, bool generic, kl_error* error) {
  kl_code code = kl_session_rewind(session, 0, error);
  if (code != KL_OK) return code;
  if (kl_model_has_memory(model)) {
    kl_memory_path path = {.struct_size = sizeof path};
    if (!generic) code = kl_memory_route(model, question, strlen(question), &path, error);
    if (code == KL_OK) code = kl_session_set_memory(session, generic ? NULL : &path, error);
    if (code != KL_OK) return code;
  }
  const kl_message message = {"user", question};
  int32_t tokens[kMostTokens];
  size_t count = 0;
  code = kl_model_apply_template(model, NULL, &message, 1, true, tokens, kMostTokens, &count, error);
  if (code == KL_OK) code = kl_session_prefill(session, tokens, count, NULL, NULL, error);
  kl_generation generation = {.struct_size = sizeof generation};
  if (code == KL_OK) code = kl_session_generate(session, kMostAnswerTokens, Print, NULL, &generation, error);
  putchar('\n');
  return code;
}

int main(int argc, char** argv) {
  kl_model_options options = {.struct_size = sizeof options};
  kl_model_default_options(&options);
  static kl_memory_node denied[kMostDenied];
  bool generic = false;
  const char* path = NULL;
  const char* plugins = NULL;
  for (int i = 1; i < argc; ++i) {
    unsigned level = 0;
    unsigned long long id = 0;
    if (strcmp(argv[i], "--generic") == 0) {
      generic = true;
    } else if (strcmp(argv[i], "--bank") == 0 && i + 1 < argc) {
      options.memory_bank = argv[++i];
    } else if (strcmp(argv[i], "--plugins") == 0 && i + 1 < argc) {
      plugins = argv[++i];
    } else if (strcmp(argv[i], "--deny") == 0 && i + 1 < argc && sscanf(argv[i + 1], "%u:%llu", &level, &id) == 2 &&
               options.memory_deny_count < kMostDenied) {
      denied[options.memory_deny_count++] = (kl_memory_node){.level = level, .id = id};
      options.memory_deny = denied;
      ++i;
    } else if (path == NULL && argv[i][0] != '-') {
      path = argv[i];
    } else {
      fprintf(stderr, "ask: unexpected %s; usage: ask model.gguf [--plugins FOLDER] [--bank FILE [--generic] [--deny LEVEL:ID]...]\n", argv[i]);
      return 1;
    }
  }
  kl_error error = {.struct_size = sizeof error};
  kl_runtime_options runtime_options = {.struct_size = sizeof runtime_options};
  kl_runtime_default_options(&runtime_options);
  runtime_options.plugin_folder = plugins;
  kl_runtime* runtime = NULL;
  kl_model* model = NULL;
  kl_session* session = NULL;
  if (kl_runtime_create(&runtime_options, &runtime, &error) != KL_OK) return Fail("runtime", &error);
  if (kl_model_load(runtime, path != NULL ? path : "", &options, &model, &error) != KL_OK) return Fail("model", &error);
  kl_session_options session_options = {.struct_size = sizeof session_options};
  kl_session_default_options(&session_options);
  session_options.temperature = 0;
  session_options.repeat_penalty = 1;
  if (kl_session_create(model, &session_options, &session, &error) != KL_OK) return Fail("session", &error);
  int status = 0;
  char* line = NULL;
  size_t capacity = 0;
  for (ssize_t length; status == 0 && (length = getline(&line, &capacity, stdin)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = '\0';
    if (Answer(model, session, line, generic, &error) != KL_OK) status = Fail(line, &error);
  }
  free(line);
  kl_session_free(session);
  kl_model_free(model);
  kl_runtime_free(runtime);
  return status;
}
