// A stand-in for cuBLAS and cuBLASLt on host memory: the C symbols that gpugrad/cuda/cublas.py and cublaslt.py call.
// Matrices lie in columns; leading dimensions, strides and types are used as passed, and refused where cuBLAS refuses
// them, so that a swapped stride or flag gives a wrong result or status 7.  Products are summed in double, then rounded.
// cuBLASLt has the epilogues BIAS, RELU_BIAS, RELU_AUX_BIAS, DRELU_BGRAD and BGRADB; bit i + j ld of a mask is element
// (i, j) of D.  While a stream is in capture, products are taken down with all their arguments, to be done at replays.
#include <cuda_fp16.h>
#include <cuda_bf16.h>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

namespace {
const int OK = 0, INVALID = 7, UNSUPPORTED = 15, F32 = 0, F64 = 1, F16 = 2, BF16 = 14;
const int COMPUTE_F32 = 68, COMPUTE_F64 = 70, COMPUTE_TF32 = 77;
struct Handle {
  long long stream = 0;
  void* workspace = nullptr;
  size_t workspace_bytes = 0;
  int math_mode = 0, pointer_mode = 0;
  int last_compute = 0, last_op_a = 0, last_op_b = 0, last_count = 0;
};
Handle* latest;  // made, or that multiplied
int n_products;

double read(const void* p, int type, long long i) {
  if (type == F64) return ((const double*)p)[i];
  if (type == F32) return ((const float*)p)[i];
  if (type == F16) return __half2float(((const __half*)p)[i]);
  return __bfloat162float(((const __nv_bfloat16*)p)[i]);
}
void write(void* p, int type, long long i, double v) {
  if (type == F64) ((double*)p)[i] = v;
  else if (type == F32) ((float*)p)[i] = (float)v;
  else if (type == F16) ((__half*)p)[i] = __float2half((float)v);
  else ((__nv_bfloat16*)p)[i] = __float2bfloat16((float)v);
}
double as_tf32(double v) {  // 10 bits of mantissa, to nearest
  float f = (float)v;
  unsigned bits;
  memcpy(&bits, &f, 4);
  bits = (bits + 0xfffu + (bits >> 13 & 1)) & ~0x1fffu;
  memcpy(&f, &bits, 4);
  return f;
}
bool known(int type) { return type == F32 || type == F64 || type == F16 || type == BF16; }
bool fits(int a, int b, int c, int compute) {
  if (!known(a) || a != b || !known(c)) return false;
  if (a == F64) return c == F64 && compute == COMPUTE_F64;
  if (a == F32) return c == F32 && (compute == COMPUTE_F32 || compute == COMPUTE_TF32);
  return (c == a || c == F32) && compute == COMPUTE_F32;
}
const int TRANS_A = 3, TRANS_B = 4, EPILOGUE = 7, VECTOR = 8, AUX = 11, AUX_LD = 12;
const int BIAS = 4, RELU_BIAS = 6, RELU_AUX_BIAS = 134, DRELU_BGRAD = 152, BGRADB = 512;
struct Operation { int compute, scale; std::map<int, int64_t> attribute; };
struct Layout { int type; uint64_t rows, columns; int64_t ld; };
struct Preference { size_t workspace = 0; uint32_t alignment[4] = {256, 256, 256, 256}; };
struct Result { uint64_t algorithm[8]; size_t workspace; int status; float waves; int reserved[4]; };
int n_heuristics, n_lt_products;
long long capturing = -1;  // the stream in capture
std::vector<std::function<void()>> taken_down;

int done(long long stream, std::function<void()> product) {
  if (capturing < 0) product();
  else if (stream == capturing) taken_down.push_back(product);
  else return INVALID;  // a product on another stream is not part of the graph
  return OK;
}

bool sound(const Layout* l) { return l->rows && l->columns && l->ld >= (int64_t)l->rows; }
}  // namespace

extern "C" {
int cublasCreate_v2(Handle** h) { *h = latest = new Handle; return OK; }
int cublasSetMathMode(Handle* h, int mode) { h->math_mode = mode; return OK; }
int cublasSetPointerMode_v2(Handle* h, int mode) { h->pointer_mode = mode; return mode == 0 || mode == 1 ? OK : INVALID; }
int cublasSetStream_v2(Handle* h, void* stream) {
  h->stream = (long long)stream;
  h->workspace = nullptr;  // as cuBLAS does
  h->workspace_bytes = 0;
  return OK;
}
int cublasSetWorkspace_v2(Handle* h, void* p, size_t n) {
  h->workspace = p;
  h->workspace_bytes = n;
  return OK;
}
int cublasGemmStridedBatchedEx(Handle* h, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a, int type_a,
                               int lda, long long step_a, const void* b, int type_b, int ldb, long long step_b,
                               const void* beta, void* c, int type_c, int ldc, long long step_c, int count, int compute, int algo) {
  if (!h || m < 0 || n < 0 || k < 0 || count < 0 || (op_a & ~1) || (op_b & ~1)) return INVALID;
  const int rows_a = op_a ? k : m, rows_b = op_b ? n : k;
  if (lda < (rows_a > 1 ? rows_a : 1) || ldb < (rows_b > 1 ? rows_b : 1) || ldc < (m > 1 ? m : 1)) return INVALID;
  if (!fits(type_a, type_b, type_c, compute)) return UNSUPPORTED;
  if (!h->workspace) return INVALID;  // ours is always set: without it capture would allocate
  auto factor = [=](const void* p) { return compute == COMPUTE_F64 ? *(const double*)p : (double)*(const float*)p; };
  const bool later = h->pointer_mode == 1;  // factors in device memory are read when the product is done
  const double alpha_now = later ? 0 : factor(alpha), beta_now = later ? 0 : factor(beta);
  const int status = done(h->stream, [=] {
    const double by = later ? factor(alpha) : alpha_now, keep = later ? factor(beta) : beta_now;
    for (int s = 0; s < count; ++s)
      for (int j = 0; j < n; ++j)
        for (int i = 0; i < m; ++i) {
          double sum = 0;
          for (int l = 0; l < k; ++l) {
            double x = read(a, type_a, s * step_a + (op_a ? l + (long long)i * lda : i + (long long)l * lda));
            double y = read(b, type_b, s * step_b + (op_b ? j + (long long)l * ldb : l + (long long)j * ldb));
            if (compute == COMPUTE_TF32) x = as_tf32(x), y = as_tf32(y);
            sum += x * y;
          }
          const long long at = s * step_c + i + (long long)j * ldc;
          write(c, type_c, at, by * sum + (keep != 0 ? keep * read(c, type_c, at) : 0.0));
        }
  });
  if (status) return status;
  ++n_products;
  latest = h;
  h->last_compute = compute;
  h->last_op_a = op_a;
  h->last_op_b = op_b;
  h->last_count = count;
  return OK;
}
// For tests: {products so far, compute type, op of A, op of B and number of matrices of the last, its math and pointer mode}.
void stand_in_last(int* v) {
  const Handle* h = latest;
  const int found[] = {n_products, h->last_compute, h->last_op_a, h->last_op_b, h->last_count, h->math_mode, h->pointer_mode};
  memcpy(v, found, sizeof found);
}

// For captures: begin with the stream's address, end with -1; how many products were taken down; do one of them.
void stand_in_capture(long long stream) { capturing = stream; }
int stand_in_taken_down() { return (int)taken_down.size(); }
void stand_in_replay(int i) { taken_down[i](); }

int cublasLtCreate(void** h) { *h = new int(1); return OK; }
int cublasLtMatmulDescCreate(Operation** o, int compute, int scale) { *o = new Operation{compute, scale, {}}; return OK; }
int cublasLtMatmulDescSetAttribute(Operation* o, int which, const void* value, size_t size) {
  const bool wide = which == VECTOR || which == AUX || which == AUX_LD;
  if (size != (wide ? 8u : 4u)) return INVALID;
  int32_t narrow;
  int64_t v;
  if (wide) memcpy(&v, value, 8);
  else { memcpy(&narrow, value, 4); v = narrow; }
  o->attribute[which] = v;
  return OK;
}
int cublasLtMatrixLayoutCreate(Layout** l, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  *l = new Layout{type, rows, columns, ld};
  return OK;
}
int cublasLtMatmulPreferenceCreate(Preference** p) { *p = new Preference; return OK; }
int cublasLtMatmulPreferenceDestroy(Preference* p) { delete p; return OK; }
int cublasLtMatmulPreferenceSetAttribute(Preference* p, int which, const void* value, size_t size) {
  if (which == 1 && size == 8) memcpy(&p->workspace, value, 8);
  else if (which >= 5 && which <= 8 && size == 4) memcpy(&p->alignment[which - 5], value, 4);
  else return INVALID;
  return OK;
}
int cublasLtMatmulAlgoGetHeuristic(void*, Operation* o, Layout* a, Layout* b, Layout* c, Layout* d, Preference* preference, int wanted,
                                   Result* result, int* n) {
  ++n_heuristics;
  const int e = (int)o->attribute[EPILOGUE];
  const bool masked = e == RELU_AUX_BIAS || e == DRELU_BGRAD, has_f64 = a->type == F64 && e != BIAS;
  *n = 0;
  if (!preference->workspace || wanted < 1 || !sound(a) || !sound(b) || !sound(c) || !sound(d)) return INVALID;
  if (masked && (o->attribute[AUX_LD] % 128 || o->attribute[AUX_LD] < (int64_t)d->rows)) return INVALID;
  if (has_f64) return OK;  // as cuBLASLt: none found
  memset(result, 0, sizeof *result);
  result->algorithm[0] = 42;
  result->algorithm[1] = preference->alignment[0] | (uint64_t)preference->alignment[1] << 16;
  result->algorithm[2] = preference->alignment[2] | (uint64_t)preference->alignment[3] << 16;
  *n = 1;
  return OK;
}
int cublasLtMatmul(void*, Operation* o, const void* alpha, const void* a, Layout* la, const void* b, Layout* lb, const void* beta,
                   const void* c, Layout* lc, void* d, Layout* ld, const uint64_t* algorithm, void* workspace, size_t bytes, void* stream) {
  const int ta = (int)o->attribute[TRANS_A], tb = (int)o->attribute[TRANS_B], e = (int)o->attribute[EPILOGUE];
  const int64_t m = ta ? la->columns : la->rows, k = ta ? la->rows : la->columns, n = tb ? lb->rows : lb->columns;
  if (algorithm[0] != 42 || !workspace || bytes < 1 || (tb ? (int64_t)lb->columns : (int64_t)lb->rows) != k) return INVALID;
  if ((int64_t)ld->rows != m || (int64_t)ld->columns != n || c != d || lc != ld) return INVALID;
  const void* pointers[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if ((uint64_t)pointers[i] % (algorithm[1 + i / 2] >> 16 * (i % 2) & 0xffff)) return INVALID;
  const double by = o->scale == F64 ? *(const double*)alpha : *(const float*)alpha;
  if ((o->scale == F64 ? *(const double*)beta : *(const float*)beta) != 0) return INVALID;
  void* vector = (void*)o->attribute[VECTOR];
  uint8_t* mask = (uint8_t*)o->attribute[AUX];
  const int64_t mask_ld = o->attribute[AUX_LD];
  const int type = ld->type;
  const Layout A = *la, B = *lb, D = *ld;
  const int status = done((long long)stream, [=] {
    auto at_b = [&](int64_t l, int64_t j) { return read(b, B.type, tb ? j + l * B.ld : l + j * B.ld); };
    if (mask && e == RELU_AUX_BIAS) memset(mask, 0, mask_ld / 8 * n);
    for (int64_t i = 0; i < m; ++i) {
      double total = 0;
      for (int64_t j = 0; j < n; ++j) {
        double v = 0;
        for (int64_t l = 0; l < k; ++l) v += read(a, A.type, ta ? l + i * A.ld : i + l * A.ld) * at_b(l, j);
        v *= by;
        const int64_t bit = i + j * mask_ld;
        if (e == BIAS || e == RELU_BIAS || e == RELU_AUX_BIAS) v += read(vector, type, i);
        if (e == RELU_AUX_BIAS && v > 0) mask[bit / 8] |= 1 << bit % 8;
        if (e == RELU_BIAS || e == RELU_AUX_BIAS) v = v > 0 ? v : 0;
        if (e == DRELU_BGRAD) v = mask[bit / 8] >> bit % 8 & 1 ? v : 0;
        total += v;
        write(d, type, i + j * D.ld, v);
      }
      if (e == DRELU_BGRAD) write(vector, type, i, total);
    }
    for (int64_t j = 0; e == BGRADB && j < n; ++j) {
      double total = 0;
      for (int64_t l = 0; l < k; ++l) total += at_b(l, j);
      write(vector, type, j, total);
    }
  });
  if (status) return status;
  ++n_lt_products;
  return OK;
}
void stand_in_counts(int* v) { v[0] = n_heuristics, v[1] = n_lt_products; }
}
