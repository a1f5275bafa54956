// Matrix products.
//
// The output is cut into blocks. A block is computed a chunk of the inner dimension at a time, a
// strip of columns at a time, a tile at a time (tile.hpp): the strip of B stays in the first-level
// cache, the block's part of A in the second. The order of the sums in one element depends on its
// product's shape alone.

#include "gemm.hpp"

#include <cstdlib>
#include <tuple>

#include "../flushing.hpp"
#include "column.hpp"
#include "gemm_plan.hpp"
#include "packed.hpp"
#include "small_product.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

template <class T>
Matrix<T> matrix(const Array& array, std::int64_t entry) {
    std::int64_t offset = 0;
    for (int axis = array.axes - 2; axis-- > 0;) {
        offset += entry % array.shape[axis] * array.strides[axis];
        entry /= array.shape[axis];
    }
    return {array.as<T>() + offset, array.strides[array.axes - 2], array.strides[array.axes - 1]};
}

// Brings what is read next nearer, part by part, while the rows of a block are worked on.
template <class T>
class Ahead {
 public:
    // count: how many numbers there are from `next` on; none where it is null.
    Ahead(const T* next, std::int64_t count, std::int64_t rows)
        : next_(next), count_(next == nullptr ? 0 : count), rows_(rows) {}

    // The part that belongs to the tile at `row`.
    void fetch(std::int64_t row) const {
        const std::int64_t end = std::min(rows_, row + tile_rows) * count_ / rows_;
        for (std::int64_t i = row * count_ / rows_; i < end; i += vector_lanes<T>) {
            __builtin_prefetch(next_ + i, 0, 2);
        }
    }

 private:
    const T* next_;
    std::int64_t count_, rows_;
};

template <class T>
struct Product {
    const ProductPlan& plan;
    const Array &a, &b, &c;
    const Pool& pool;
    std::byte* workspace;
    Epilogue epilogue;
    StripsOf<T> strips{plan.columns};

    // One block of `to`: rows from `row`, strips from `first` to `last`, over [start, end) of the
    // inner dimension. With `packed`, copies are read where the plan has them, counted from its
    // slab.
    void block(Matrix<const T> left, Matrix<const T> right, Matrix<T> to, std::int64_t row,
               std::int64_t rows, std::int64_t first, std::int64_t last, std::int64_t start,
               std::int64_t end, bool add, const Packed<T>* packed, std::int64_t slab_row,
               std::int64_t slab_start) const {
        const Flushing flushing;
        alignas(64) T own[most_depth * strip_columns<T>];
        for (std::int64_t p = start; p < end || p == start; p += plan.chunk) {
            const std::int64_t depth = std::min(plan.chunk, end - p);
            const bool adds = add || p > start;
            if (plan.columns == 1) {
                column_product(depth, left.at(row, p), right.at(p, 0), to.at(row, 0).data, rows,
                               adds, own);
                continue;
            }
            for (std::int64_t s = first; s < last; ++s) {
                const std::int64_t j = strips.begin(s), some = strips.width(s);
                const std::int64_t vectors = vectors_of<T>(some);
                Matrix<const T> strip = right.at(p, j);
                if (plan.pack_b) {
                    const auto copy = packed->strip(j, some, p - slab_start, depth);
                    strip = {copy.data, copy.row, 1};
                } else if (strip.column != 1 || some % vector_lanes<T> != 0 ||
                           (rows > 4 * tile_rows && plan.distant_rows)) {
                    pack_strip(strip, depth, some, own);
                    strip = {own, vectors * vector_lanes<T>, 1};
                }
                const Ahead next(
                    plan.pack_b && s + 1 < last ? strip.data + depth * strip.row : nullptr,
                    depth * strip.row, rows);
                if (plan.pack_a) {
                    for (std::int64_t i = row; i < row + rows; i += tile_rows) {
                        next.fetch(i - row);
                        const auto height = std::min<std::int64_t>(tile_rows, row + rows - i);
                        const auto copy = packed->panel(i - slab_row, p - slab_start, depth);
                        tiles<T>[vectors - 1][height - 1](depth, {copy.data, 1, tile_rows}, strip,
                                                          to.at(i, j), some, adds);
                    }
                } else {
                    evenly(rows, tile_rows, [&](std::int64_t i, std::int64_t height) {
                        next.fetch(i);
                        tiles<T>[vectors - 1][height - 1](depth, left.at(row + i, p), strip,
                                                          to.at(row + i, j), some, adds);
                    });
                }
            }
        }
    }

    // One small product after the other, several on one thread.
    void small() const {
        const auto one = [&](std::int64_t entry) {
            const auto left = matrix<const T>(a, entry), right = matrix<const T>(b, entry);
            const auto to = matrix<T>(c, entry);
            if (plan.columns == 1 && left.column == 1) {
                // As a larger one is: how many rows there are must not change a row's bits.
                T own[most_depth];
                column_product(plan.inner, left, right, to.data, plan.rows, false, own);
            } else {
                small_product(left, right, to, plan.rows, plan.columns, plan.inner);
            }
            epilogue(entry * plan.rows, 0, plan.rows, plan.columns);
        };
        if (plan.stack == 1) return one(0);
        const std::int64_t together = plan.units_per_piece;
        pool.run(ceiling(plan.stack, together), [&](std::int64_t piece) {
            const std::int64_t end = std::min(plan.stack, (piece + 1) * together);
            for (std::int64_t entry = piece * together; entry < end; ++entry) one(entry);
        });
    }

    // Reading A and B where they lie: units of (matrix, rows, columns, slice), small ones together.
    void in_place() const {
        const std::int64_t row_blocks = plan.row_blocks(plan.rows);
        const std::int64_t across = plan.strip_blocks(strips.count());
        const std::int64_t units = plan.stack * row_blocks * across * plan.slices;
        const auto unit = [&](std::int64_t number) {
            const std::int64_t slice = number % plan.slices;
            number /= plan.slices;
            const std::int64_t first = number % across * plan.strip_block;
            number /= across;
            const std::int64_t row = number % row_blocks * plan.row_block;
            const std::int64_t entry = number / row_blocks;
            const std::int64_t rows = std::min(plan.row_block, plan.rows - row);
            const std::int64_t last = std::min(first + plan.strip_block, strips.count());
            const std::int64_t start = slice * plan.slice_inner;
            auto to = matrix<T>(c, entry);
            if (plan.slices > 1) {
                T* parts = reinterpret_cast<T*>(workspace);
                to = {parts + (entry * plan.slices + slice) * plan.rows * plan.columns,
                      plan.columns, 1};
            }
            block(matrix<const T>(a, entry), matrix<const T>(b, entry), to, row, rows, first, last,
                  start, std::min(plan.inner, start + plan.slice_inner), false, nullptr, 0, 0);
            if (plan.slices == 1 && !plan.finish_rows) {
                finish(entry * plan.rows + row, rows, first, last);
            }
        };
        const std::int64_t together = plan.units_per_piece;
        pool.run(ceiling(units, together), [&](std::int64_t piece) {
            const std::int64_t end = std::min(units, (piece + 1) * together);
            for (std::int64_t number = piece * together; number < end; ++number) unit(number);
        });
        if (plan.slices > 1) add_slices();
        if (plan.finish_rows && epilogue.call != nullptr) {
            each_rows(4096, [&](std::int64_t entry, std::int64_t row, std::int64_t rows) {
                epilogue(entry * plan.rows + row, 0, rows, plan.columns);
            });
        }
    }

    // f(entry, row, rows) of whole rows of the output, about `numbers` at a time.
    template <class F>
    void each_rows(std::int64_t numbers, F f) const {
        const std::int64_t together = std::max<std::int64_t>(1, numbers / plan.columns);
        const std::int64_t per_entry = ceiling(plan.rows, together);
        pool.run(plan.stack * per_entry, [&](std::int64_t piece) {
            const std::int64_t row = piece % per_entry * together;
            f(piece / per_entry, row, std::min(together, plan.rows - row));
        });
    }

    void add_slices() const {
        each_rows(1024, [&](std::int64_t entry, std::int64_t row, std::int64_t rows) {
            const std::int64_t n = plan.columns, count = rows * n;
            const T* from =
                reinterpret_cast<const T*>(workspace) + entry * plan.slices * plan.rows * n;
            T* to = c.as<T>() + (entry * plan.rows + row) * n;
            std::copy_n(from + row * n, count, to);
            for (std::int64_t slice = 1; slice < plan.slices; ++slice) {
                const T* part = from + (slice * plan.rows + row) * n;
                for (std::int64_t i = 0; i < count; ++i) to[i] += part[i];
            }
            epilogue(entry * plan.rows + row, 0, rows, n);
        });
    }

    void packed() const {
        const Packed<T> copies(plan, workspace);
        for (std::int64_t entry = 0; entry < plan.stack; ++entry) {
            for (std::int64_t start = 0; start < plan.inner; start += plan.slab_inner) {
                for (std::int64_t row = 0; row < plan.rows; row += plan.slab_rows) {
                    pack(copies, entry, row, start);
                    slab(copies, entry, row, start);
                }
            }
        }
    }

    // Fills the copies. That of B is kept while the slab of rows moves on.
    void pack(const Packed<T>& copies, std::int64_t entry, std::int64_t row,
              std::int64_t start) const {
        constexpr std::int64_t panels = 8 * tile_rows, few_strips = 4, few = 64;
        const auto left = matrix<const T>(a, entry), right = matrix<const T>(b, entry);
        const std::int64_t inner = std::min(plan.slab_inner, plan.inner - start);
        const std::int64_t rows = std::min(plan.slab_rows, plan.rows - row);
        const std::int64_t chunks = ceiling(inner, plan.chunk);
        const std::int64_t of_a = plan.pack_a ? ceiling(rows, panels) * chunks : 0;
        const std::int64_t of_b =
            plan.pack_b && row == 0 ? ceiling(strips.count(), few_strips) * chunks : 0;
        pool.run(of_a + of_b, [&](std::int64_t piece) {
            const bool is_a = piece < of_a;
            if (!is_a) piece -= of_a;
            const std::int64_t p = piece % chunks * plan.chunk;
            const std::int64_t depth = std::min(plan.chunk, inner - p);
            // A few steps of the inner dimension at a time, so that what lies side by side in
            // memory is read together.
            for (std::int64_t q = 0; q < depth; q += few) {
                const std::int64_t some = std::min(few, depth - q);
                if (is_a) {
                    pack_panels(copies, left.at(row, start), piece / chunks * panels, rows, p, q,
                                depth, some);
                } else {
                    pack_strips(copies, right.at(start, 0), piece / chunks * few_strips, p, q,
                                depth, some);
                }
            }
        });
    }

    // Steps q to q + some of the chunk at p, of the 8 panels that begin at `first`.
    void pack_panels(const Packed<T>& copies, Matrix<const T> left, std::int64_t first,
                     std::int64_t rows, std::int64_t p, std::int64_t q, std::int64_t depth,
                     std::int64_t some) const {
        const std::int64_t end = std::min(rows, first + 8 * tile_rows);
        std::int64_t i = first;
        if (left.row == 1) {
            i = end - (end - first) % tile_rows;
            pack_panels_of_columns(left.at(first, p + q), (i - first) / tile_rows, some,
                                   copies.panel(first, p, depth).data + q * tile_rows,
                                   depth * tile_rows);
        }
        for (; i < end; i += tile_rows) {
            pack_panel(left.at(i, p + q), std::min<std::int64_t>(tile_rows, rows - i), some,
                       copies.panel(i, p, depth).data + q * tile_rows);
        }
    }

    // The same of the 4 strips that begin at `first`.
    void pack_strips(const Packed<T>& copies, Matrix<const T> right, std::int64_t first,
                     std::int64_t p, std::int64_t q, std::int64_t depth, std::int64_t some) const {
        for (std::int64_t s = first; s < std::min(strips.count(), first + 4); ++s) {
            const std::int64_t j = strips.begin(s), columns = strips.width(s);
            const auto to = copies.strip(j, columns, p, depth);
            pack_strip(right.at(p + q, j), some, columns, to.data + q * to.row);
        }
    }

    void slab(const Packed<T>& copies, std::int64_t entry, std::int64_t row,
              std::int64_t start) const {
        const std::int64_t rows = std::min(plan.slab_rows, plan.rows - row);
        const std::int64_t end = std::min(plan.inner, start + plan.slab_inner);
        const std::int64_t across = plan.strip_blocks(strips.count());
        pool.run(plan.row_blocks(rows) * across, [&](std::int64_t piece) {
            const std::int64_t i = row + piece / across * plan.row_block;
            const std::int64_t first = piece % across * plan.strip_block;
            const std::int64_t last = std::min(first + plan.strip_block, strips.count());
            const std::int64_t height = std::min(plan.row_block, row + rows - i);
            block(matrix<const T>(a, entry), matrix<const T>(b, entry), matrix<T>(c, entry), i,
                  height, first, last, start, end, start > 0, &copies, row, start);
            if (end == plan.inner) finish(entry * plan.rows + i, height, first, last);
        });
    }

    void finish(std::int64_t row, std::int64_t rows, std::int64_t first, std::int64_t last) const {
        const std::int64_t column = strips.begin(first);
        epilogue(row, column, rows, strips.begin(last) - column);
    }

    void run() const {
        if (plan.stack * plan.rows * plan.columns == 0) return;
        if (plan.small) return small();
        if (plan.pack_a || plan.pack_b) return packed();
        in_place();
    }
};

template <class T>
std::size_t workspace_bytes(const ProductPlan& plan) {
    if (plan.pack_a || plan.pack_b) return Packed<T>::bytes(plan);
    if (plan.slices == 1) return 0;
    return sizeof(T) *
           static_cast<std::size_t>(plan.stack * plan.slices * plan.rows * plan.columns);
}

// f of a null pointer to the type of number that a product of this dtype computes with. Whole
// numbers wrap around, so they are unsigned there.
template <class F>
auto with_type(Dtype dtype, F f) {
    if (dtype == Dtype::float32) return f(static_cast<float*>(nullptr));
    if (dtype == Dtype::float64) return f(static_cast<double*>(nullptr));
    return f(static_cast<std::uint64_t*>(nullptr));
}

Fault run(const Call& call) {
    const Array &a = call.inputs[0], &b = call.inputs[1], &c = call.outputs[0];
    with_type(a.dtype, [&]<class T>(T*) {
        Product<T>{call.planned<ProductPlan>(), a, b, c, *call.pool, call.workspace, call.epilogue}
            .run();
    });
    return {};
}

std::shared_ptr<const void> plan(const Call& call) {
    return with_type(call.inputs[0].dtype, [&]<class T>(T*) -> std::shared_ptr<const void> {
        return std::make_shared<ProductPlan>(plan_of<T>(call.inputs[0], call.inputs[1]));
    });
}

std::string check(const Call& call) {
    if (call.inputs.size() != 2 || call.outputs.size() != 1) {
        return "a matrix product has two inputs and one output";
    }
    return product_refused(call.inputs[0], call.inputs[1], call.outputs[0]);
}

std::size_t workspace(const Call& call) {
    return product_workspace(call.inputs[0], call.inputs[1]);
}

const Kernel rows[] = {{"gemm", &run, &check, &workspace, true, &plan}};

}  // namespace

std::string product_refused(const Array& a, const Array& b, const Array& c) {
    if (a.dtype != b.dtype || a.dtype != c.dtype || a.dtype == Dtype::boolean) {
        return "a matrix product takes and makes float32, float64 or int64, all the same";
    }
    if (a.axes < 2 || a.axes != b.axes || a.axes != c.axes) {
        return "the matrices of a product have the same number of axes, at least 2";
    }
    const int row = a.axes - 2, column = a.axes - 1;
    for (int axis = 0; axis < row; ++axis) {
        if (a.shape[axis] != b.shape[axis] || a.shape[axis] != c.shape[axis]) {
            return "the leading axes of a product's matrices are the same";
        }
    }
    if (a.shape[column] != b.shape[row]) {
        return "the columns of the first matrix are as many as the rows of the second";
    }
    if (c.shape[row] != a.shape[row] || c.shape[column] != b.shape[column]) {
        return "a product has the rows of the first matrix and the columns of the second";
    }
    if (!c.contiguous()) return "the output of a matrix product is contiguous";
    return "";
}

std::size_t product_workspace(const Array& a, const Array& b) {
    return with_type(a.dtype, [&]<class T>(T*) { return workspace_bytes<T>(plan_of<T>(a, b)); });
}

std::span<const Kernel> gemm_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
