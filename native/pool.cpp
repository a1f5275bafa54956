#include "pool.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define PULLBACK_FORKS
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <system_error>
#include <thread>

#include "cores.hpp"

namespace pullback {

namespace {

constexpr int most_threads = 256;
constexpr std::uint64_t most_pieces = 0xFFFFFFFF;  // of one job: half of the word `claim`
thread_local bool inside_a_piece = false;
std::atomic<int> chosen_threads{0};

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    asm volatile("yield");
#endif
}

// How long a thread looks for work, or for the end of others', before it sleeps. To be woken takes
// longer than most waits; but where there are more threads than cores, what it waits for may need
// the core that it looks from. So a wait in vain makes the next ones shorter.
class Patience {
 public:
    // Looks again and again; whether it has come true.
    template <class F>
    bool soon(F come_true) {
        const int most = microseconds_.load(std::memory_order_relaxed);
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(most);
        do {
            for (int look = 0; look < 32; ++look) {
                if (!come_true()) {
                    relax();
                    continue;
                }
                if (most < longest) microseconds_.store(most * 2, std::memory_order_relaxed);
                return true;
            }
        } while (std::chrono::steady_clock::now() < end);
        if (most > shortest) microseconds_.store(most / 2, std::memory_order_relaxed);
        return come_true();
    }

 private:
    static constexpr int shortest = 20, longest = 320;
    std::atomic<int> microseconds_{longest};
};

// One thread's share of the pieces: the job's number (upper half) and how many of them are claimed
// (lower half) in one word, so that a worker that read the job's fields and then fell asleep cannot
// claim a piece of a later job with them: its exchange fails.
struct alignas(64) Share {
    std::atomic<std::uint64_t> claim{0};
};

// The job at hand and who works on it. Its fields are written only while no piece is left or
// running, and after all claims were closed. Each thread takes the pieces of its own share, then
// what is left of others': so from job to job it mostly works on the same part of the data, which
// is in its own cache.
struct Crew {
    std::atomic<bool> taken{false};
    std::array<Share, most_threads> shares;
    std::uint64_t jobs = 0;  // how many there were, for whoever has taken the crew
    std::size_t opened = 0;  // how many shares the last one had
    std::atomic<std::uint64_t> pieces{0};
    std::atomic<void*> context{nullptr};
    std::atomic<void (*)(void*, std::int64_t)> call{nullptr};
    std::atomic<int> helpers{0};  // the workers with a lower number take part
    std::atomic<std::uint64_t> done{0};
    std::atomic<int> all_done{0};  // the number of the last job that was finished
    std::atomic<int> called{0};    // the number of the job that workers were woken for
    std::atomic<int> workers{0};
    Patience for_jobs, for_others;
    std::atomic<bool> failed{false};
    std::exception_ptr error;

    // In the child of a fork there are no workers and no job, whatever the parent was doing.
    void forget() {
        pieces = 0;
        helpers = 0;
        workers = 0;
        failed = false;
        error = nullptr;
        taken = false;
    }

    // Claims pieces and runs them until none is left: those of one's own share first.
    void work(std::uint64_t own) {
        const auto threads =
            static_cast<std::uint64_t>(helpers.load(std::memory_order_acquire)) + 1;
        for (std::uint64_t other = 0; other < threads; ++other) {
            work_on((own + other) % threads);
        }
    }

    void work_on(std::uint64_t share) {
        auto& claim = shares[share].claim;
        for (std::uint64_t now = claim.load(std::memory_order_acquire);;) {
            const std::uint64_t claimed = now & most_pieces;
            const std::uint64_t count = pieces.load(std::memory_order_acquire);
            const auto threads =
                static_cast<std::uint64_t>(helpers.load(std::memory_order_acquire)) + 1;
            const PieceFunction f(context.load(std::memory_order_acquire),
                                  call.load(std::memory_order_acquire));
            const std::uint64_t first = share * count / threads;
            if (claimed == most_pieces || first + claimed >= (share + 1) * count / threads) return;
            if (!claim.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) continue;
            try {
                f(static_cast<std::int64_t>(first + claimed));
            } catch (...) {
                if (!failed.exchange(true)) error = std::current_exception();
            }
            if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
                all_done.store(static_cast<int>(now >> 32), std::memory_order_release);
                all_done.notify_all();
            }
            now = claim.load(std::memory_order_acquire);
        }
    }

    void live(int number) {
        inside_a_piece = true;  // what a piece runs in its turn, it runs alone
        for (int seen = 0;;) {
            const auto is_called = [&] { return called.load(std::memory_order_acquire) != seen; };
            if (!for_jobs.soon(is_called)) called.wait(seen, std::memory_order_acquire);
            seen = called.load(std::memory_order_acquire);
            if (number < helpers.load(std::memory_order_acquire)) {
                work(static_cast<std::uint64_t>(number) + 1);
            }
        }
    }

    void hire(int wanted) {
        for (int number = workers.load(); number < wanted; ++number) {
            try {
                std::thread([this, number] { live(number); }).detach();
            } catch (const std::system_error&) {
                return;  // no more threads are to be had: those that there are do the work
            }
            workers = number + 1;
        }
    }
};

Crew& crew() {
    static Crew& only = []() -> Crew& {
        static Crew& made = *new Crew;  // never destroyed: its workers outlive static objects
#ifdef PULLBACK_FORKS
        pthread_atfork(nullptr, nullptr, [] { made.forget(); });
#endif
        return made;
    }();
    return only;
}

}  // namespace

Pool::Pool(int threads)
    : threads_(std::clamp(threads > 0 ? threads : default_threads(), 1, most_threads)) {}

int default_threads() {
    if (const int chosen = chosen_threads.load(); chosen > 0) return chosen;
    static const int cores = std::min(usable_cores(), most_threads);
    return cores;
}

void set_default_threads(int threads) {
    chosen_threads = std::clamp(threads, 0, most_threads);
}

int workers() {
    return crew().workers.load();
}

void Pool::shared(std::int64_t pieces, PieceFunction f) const {
    Crew& all = crew();
    const auto count = static_cast<std::uint64_t>(pieces);
    if (inside_a_piece || count >= most_pieces || all.taken.exchange(true))
        return serial(pieces, f);
    all.hire(threads_ - 1);
    const std::uint64_t job = all.jobs = (all.jobs + 1) & most_pieces;
    const auto threads = static_cast<std::size_t>(threads_);
    for (std::size_t i = 0; i < std::max(all.opened, threads); ++i) {
        all.shares[i].claim.store(job << 32 | most_pieces, std::memory_order_release);  // closed
    }
    all.opened = threads;
    all.done.store(0, std::memory_order_release);
    all.pieces.store(count, std::memory_order_release);
    all.context.store(f.context(), std::memory_order_release);
    all.call.store(f.call(), std::memory_order_release);
    all.helpers.store(threads_ - 1, std::memory_order_release);
    for (std::size_t i = threads; i-- > 0;) {
        all.shares[i].claim.store(job << 32, std::memory_order_release);
    }
    all.called.store(static_cast<int>(job), std::memory_order_release);
    all.called.notify_all();

    inside_a_piece = true;
    all.work(0);
    inside_a_piece = false;

    const int number = static_cast<int>(job);
    const auto is_done = [&] { return all.all_done.load(std::memory_order_acquire) == number; };
    if (!all.for_others.soon(is_done)) {
        for (int old = all.all_done.load(); !is_done(); old = all.all_done.load()) {
            all.all_done.wait(old, std::memory_order_acquire);
        }
    }
    std::exception_ptr error;
    if (all.failed.exchange(false)) std::swap(error, all.error);
    all.taken.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(error);
}

}  // namespace pullback
