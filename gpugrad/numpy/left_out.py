"""Names of NumPy's main namespace that gpugrad.numpy does not have, each with its reason."""

_REASONS = {
    "it writes in place; use x.at[...], np.where or ops.index_set": (
        "copyto fill_diagonal place put put_along_axis putmask"
    ),
    "complex results are not supported": (
        "roots sort_complex csingle cdouble clongdouble complex64 complex128 complex256 complex192 complexfloating "
        "real_if_close mintypecode"
    ),
    "its derivative needs a Bessel function that NumPy lacks": "i0",
    "polynomials: use polyval, linalg.lstsq and convolve": (
        "poly poly1d polyadd polyder polydiv polyfit polyint polymul polysub"
    ),
    "files and bytes: use NumPy's own": (
        "fromfile fromregex fromstring genfromtxt load loadtxt save savetxt savez savez_compressed memmap "
        "DataSource unpackbits asarray_chkfinite require"
    ),
    "text and printing: use NumPy's own": (
        "array2string array_repr array_str base_repr binary_repr format_float_positional format_float_scientific "
        "str_ bytes_ character"
    ),
    "dates: they carry no gradient": (
        "busday_count busday_offset busdaycalendar datetime64 datetime_as_string datetime_data is_busday isnat "
        "timedelta64"
    ),
    "no number that carries a gradient: use NumPy's own": (
        "object_ void flexible record recarray longdouble float96 float128 asfortranarray isfortran"
    ),
    "an old name: use vstack, trapezoid, isin or cross": "row_stack trapz in1d",
    "NumPy's old matrices": "asmatrix bmat matrix",
    "loops and internals of NumPy: use NumPy's own": (
        "broadcast flatiter frompyfunc nditer nested_iters vectorize test info get_include getbufsize setbufsize "
        "geterrcall seterrcall show_config show_runtime"
    ),
}
LEFT_OUT = {name: reason for reason, names in _REASONS.items() for name in names.split()}
