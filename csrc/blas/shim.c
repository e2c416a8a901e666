/* The three BLAS functions that MLX's CPU backend calls, sent to scipy-openblas32,
 * whose names are prefixed. Loaded before MLX, after libscipy_openblas.so, both
 * RTLD_GLOBAL: then the dynamic linker finds these ahead of the reference BLAS in MLX's
 * wheel.
 *
 * Decoding multiplies one row by a matrix: OpenBLAS does that 2 to 5 times faster as a
 * gemv while the matrix is in cache, 1.2 times where it is not.
 * Arguments are those of netlib's cblas.h, with 32-bit integers.
 */

enum { ROW_MAJOR = 101 };
enum { NO_TRANS = 111, TRANS = 112 };

void scipy_cblas_sgemv(int order, int trans, int m, int n, float alpha, const float* a,
                       int lda, const float* x, int incx, float beta, float* y,
                       int incy);
void scipy_cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k,
                       float alpha, const float* a, int lda, const float* b, int ldb,
                       float beta, float* c, int ldc);
void scipy_cblas_dgemm(int order, int trans_a, int trans_b, int m, int n, int k,
                       double alpha, const double* a, int lda, const double* b, int ldb,
                       double beta, double* c, int ldc);
void scipy_cblas_cgemm(int order, int trans_a, int trans_b, int m, int n, int k,
                       const void* alpha, const void* a, int lda, const void* b,
                       int ldb, const void* beta, void* c, int ldc);

// NOLINTBEGIN(misc-use-internal-linkage): MLX calls these
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                 const float* a, int lda, const float* b, int ldb, float beta, float* c,
                 int ldc) {
  /* c[1, n] = a[1, k] b[k, n] is c = b^T a. An empty sum stays with gemm: gemv would
   * leave c as it is, where beta * c is due. */
  if (order == ROW_MAJOR && m == 1 && trans_a == NO_TRANS && k > 0) {
    if (trans_b == NO_TRANS) {
      scipy_cblas_sgemv(ROW_MAJOR, TRANS, k, n, alpha, b, ldb, a, 1, beta, c, 1);
    } else {
      scipy_cblas_sgemv(ROW_MAJOR, NO_TRANS, n, k, alpha, b, ldb, a, 1, beta, c, 1);
    }
    return;
  }
  scipy_cblas_sgemm(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c,
                    ldc);
}

void cblas_dgemm(int order, int trans_a, int trans_b, int m, int n, int k, double alpha,
                 const double* a, int lda, const double* b, int ldb, double beta,
                 double* c, int ldc) {
  scipy_cblas_dgemm(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c,
                    ldc);
}

void cblas_cgemm(int order, int trans_a, int trans_b, int m, int n, int k,
                 const void* alpha, const void* a, int lda, const void* b, int ldb,
                 const void* beta, void* c, int ldc) {
  scipy_cblas_cgemm(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c,
                    ldc);
}
// NOLINTEND(misc-use-internal-linkage)
