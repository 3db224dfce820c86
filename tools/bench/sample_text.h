// English prose for prompts: the experts of a mixture are used differently by text than by random
// tokens. Written for this project.
#ifndef KINGLET_TOOLS_BENCH_SAMPLE_TEXT_H_
#define KINGLET_TOOLS_BENCH_SAMPLE_TEXT_H_

namespace kinglet::tools {

extern const char kSampleText[];

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BENCH_SAMPLE_TEXT_H_
