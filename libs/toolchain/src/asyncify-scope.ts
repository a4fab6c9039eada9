/**
 * Which functions Asyncify need not instrument although they make indirect calls. It must assume that an indirect call reaches anything, an
 * import that blocks included; of these functions of the C and C++ libraries we know better: they call a stream's own read, write, seek and
 * close, a facet of a locale, or the handler of a failed allocation, and file input and output never unwinds a guest. Functions that call
 * back into the program (qsort, bsearch, the algorithms of libc++, exit handlers) are not among them.
 */
const STDIO: ReadonlySet<string> = new Set(
  (
    'fclose fflush fflush_unlocked __stdio_exit __stdio_exit_needed __toread __towrite __uflow __overflow fread fread_unlocked fwrite ' +
    'fwrite_unlocked __fwritex __fseeko_unlocked __fseeko fseek fseeko __ftello_unlocked __ftello ftell ftello vfprintf vfwprintf vfscanf vfwscanf'
  ).split(' '),
);

const STREAMS =
  'basic_ios|ios_base|basic_istream|basic_ostream|basic_iostream|basic_streambuf|basic_filebuf|basic_stringbuf|basic_ostringstream|' +
  'basic_istringstream|basic_stringstream|basic_fstream|basic_ifstream|basic_ofstream|istreambuf_iterator|ostreambuf_iterator|' +
  '__stdinbuf|__stdoutbuf';
const LOCALES =
  'locale|num_put|num_get|__num_put|__num_get|ctype|ctype_byname|codecvt|codecvt_byname|collate|collate_byname|numpunct|numpunct_byname|' +
  'moneypunct|moneypunct_byname|money_get|money_put|time_get|time_get_byname|time_put|time_put_byname|__time_get_storage|messages';
const LIBCXX = new RegExp(`^(?:(?:virtual|non-virtual) thunk to )?std::__2::(?:${STREAMS}|${LOCALES})(?:<|::)`);
const ALLOCATION = /^operator new(?:\[\])?\(/;

/** Whether a function, by its name in the name section (C++ names demangled), can be left as it is. */
export const neverUnwinds = (name: string): boolean => STDIO.has(name) || LIBCXX.test(name) || ALLOCATION.test(name);
