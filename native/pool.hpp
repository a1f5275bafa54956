// Threads that share out the pieces of one kernel.

#pragma once

#include <cstdint>
#include <functional>

namespace pullback {

// Runs pieces of work. Which thread runs which piece is left to chance, so a kernel is cut into
// pieces by its shape alone, and what pieces find out is put together in their order.
class Pool {
 public:
    // f(piece) for every piece from 0; returns when all are done. The caller takes part.
    void run(std::int64_t pieces, const std::function<void(std::int64_t)>& f) {
        for (std::int64_t piece = 0; piece < pieces; ++piece) f(piece);
    }
};

}  // namespace pullback
