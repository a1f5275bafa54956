// How a matrix product is cut up: by its shape and strides alone.

#pragma once

#include "../kernel.hpp"
#include "small_product.hpp"

namespace pullback::PULLBACK_ISA {

inline std::int64_t ceiling(std::int64_t number, std::int64_t of) {
    return (number + of - 1) / of;
}
inline std::int64_t rounded_up(std::int64_t number, std::int64_t of) {
    return ceiling(number, of) * of;
}

struct ProductPlan {
    std::int64_t stack, rows, columns, inner;
    bool small;  // whether a whole matrix is one unit of work, and its product a small one
    std::int64_t row_block, strip_block;  // what one unit of work computes of the output
    // A large product reads A and B from packed copies, a slab at a time: `slab_rows` of A,
    // `slab_inner` of both. Where the copies would cost more than they save, it reads them where
    // they lie.
    bool pack_a = false, pack_b = false;
    std::int64_t slab_rows, slab_inner;
    // A small output with a long inner dimension: slices of it are computed apart, then added.
    std::int64_t slices = 1, slice_inner;
    std::int64_t chunk;  // of the inner dimension, at most `most_depth`
    bool distant_rows;   // of B: for more than a few tiles, a strip is best copied
    std::int64_t units_per_piece = 1;
    // Whether the epilogue takes whole rows when all units are done: of narrow ones it would see
    // short pieces of many rows.
    bool finish_rows = false;

    std::int64_t row_blocks(std::int64_t of) const {
        return ceiling(of, row_block);
    }
    std::int64_t strip_blocks(std::int64_t strips) const {
        return ceiling(strips, strip_block);
    }
};

// Chunks of about the same depth.
inline std::int64_t chunk_of(std::int64_t inner) {
    return std::max<std::int64_t>(
        rounded_up(ceiling(inner, std::max<std::int64_t>(ceiling(inner, most_depth), 1)), 8), 8);
}

// Whether tiles would read A where it lies from so many places that copies of it pay: every strip
// of B reads them once.
template <class T>
bool tiles_skip_about(std::int64_t a_row, std::int64_t a_column, std::int64_t columns) {
    constexpr std::int64_t bytes = sizeof(T), strip = strip_columns<T>;
    // Of a transposed matrix, every step of a tile reads another line: so far apart that they take
    // each other's place in the nearest cache.
    if (a_row == 1) return columns > 2 * strip && a_column * bytes >= 512;
    // Rows whose distance is a power of 2 share places in a cache of few ways.
    constexpr bool few_ways = vector_bytes < 64;
    return few_ways && a_column == 1 && columns >= 12 * strip && a_row * bytes % 512 == 0;
}

template <class T>
ProductPlan plan_of(const Array& a, const Array& b) {
    constexpr std::int64_t least_work = 1 << 18, few_rows = 256, one = 1;
    constexpr std::int64_t strip = strip_columns<T>;
    constexpr std::int64_t near_bytes = 1 << 19;  // an output that is still in a near cache
    std::int64_t enough_pieces = 24;
    ProductPlan plan{};
    plan.rows = a.shape[a.axes - 2];
    plan.inner = a.shape[a.axes - 1];
    plan.columns = b.shape[b.axes - 1];
    plan.stack = 1;
    for (int axis = 0; axis < a.axes - 2; ++axis) plan.stack *= a.shape[axis];
    plan.small = is_small<T>(plan.rows, plan.columns, plan.inner);
    const auto [stack, m, n, k] = std::tuple(plan.stack, plan.rows, plan.columns, plan.inner);
    const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);

    plan.distant_rows = std::abs(b.strides[b.axes - 2]) * std::int64_t{sizeof(T)} > 256;
    plan.slab_rows = m;
    plan.chunk = chunk_of(k);
    plan.slab_inner = plan.slice_inner = std::max<std::int64_t>(k, 1);
    plan.row_block = std::clamp<std::int64_t>(m, 1, 32 * tile_rows);
    const std::int64_t strips = std::max<std::int64_t>(StripsOf<T>{n}.count(), 1);
    plan.strip_block = std::min(strips, ceiling(512, strip));
    if (stack * m * n == 0) return plan;

    if (k >= 2048 && m * n <= 128 * 128 && stack < enough_pieces) {
        plan.row_block = m;
        plan.strip_block = strips;
        plan.slices = std::min(ceiling(enough_pieces, stack), k / 1024);
        plan.slice_inner = rounded_up(ceiling(k, plan.slices), plan.chunk);
        plan.slices = ceiling(k, plan.slice_inner);
    } else if (work >= 1 << 20) {
        const bool narrow = b.strides[b.axes - 1] == 1 && !plan.distant_rows;
        plan.pack_b = m > few_rows && n > 1 && !narrow;
        if (m <= few_rows && n > 1 && !narrow) {
            // A strip of B is copied into the nearest cache just before it is used, and used by as
            // many rows as possible: a pass of its own over B would cost more than it saves.
            plan.strip_block = 1;
            plan.row_block = std::min(m, few_rows / 2);
            enough_pieces = 8;
            plan.finish_rows = stack * m * n * std::int64_t{sizeof(T)} <= near_bytes;
        }
        // Of few steps, what a tile reads stays in cache wherever it lies.
        plan.pack_a =
            k > 64 && tiles_skip_about<T>(a.strides[a.axes - 2], a.strides[a.axes - 1], n);
        constexpr std::int64_t most = (1 << 24) / sizeof(T);  // numbers in a slab
        if (plan.pack_b || plan.pack_a) {
            const std::int64_t by_columns = plan.pack_b ? most / rounded_up(n, strip) : most;
            plan.slab_inner = std::min(k, std::max(by_columns / plan.chunk, one) * plan.chunk);
        }
        if (plan.pack_a) {
            plan.slab_rows = std::min(m, std::max(most / plan.slab_inner / 768, one) * 768);
        }
    }
    const auto units = [&] {
        return stack * ceiling(m, plan.row_block) * plan.strip_blocks(strips) * plan.slices;
    };
    const auto across = [&] { return std::min(plan.strip_block * strip, n); };
    const auto unit_work = [&] {
        return static_cast<double>(plan.row_block) * static_cast<double>(across()) *
               static_cast<double>(std::min(plan.slice_inner, k));
    };
    while (units() < enough_pieces && unit_work() >= 2 * least_work && plan.slices == 1) {
        if (across() > plan.row_block && plan.strip_block > 2) {
            plan.strip_block = ceiling(plan.strip_block, 2);
        } else if (plan.row_block > 4 * tile_rows) {
            plan.row_block = ceiling(plan.row_block, 2);
        } else {
            break;
        }
    }
    plan.row_block = rounded_up(ceiling(m, ceiling(m, plan.row_block)), tile_rows);
    plan.strip_block = ceiling(strips, plan.strip_blocks(strips));
    plan.units_per_piece =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(least_work / (unit_work() + 1)));
    return plan;
}

}  // namespace pullback::PULLBACK_ISA
