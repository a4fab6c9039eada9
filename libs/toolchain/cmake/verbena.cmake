# A CMake toolchain file for guests of Verbena:
#   cmake -B build --toolchain "$(verbena cc -print-cmake-toolchain)"
# Programs become guest images; `ctest` runs them with `verbena run -n 1`, MPI tests with `verbena run -n N`.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

find_program(VERBENA verbena HINTS "${CMAKE_CURRENT_LIST_DIR}/../../../node_modules/.bin" REQUIRED)
set(CMAKE_C_COMPILER "${VERBENA}" cc)
set(CMAKE_CXX_COMPILER "${VERBENA}" c++)

# The image is packed, so that CMake cannot read the compiler's name out of a test program.
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_ID Clang)
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
  set(CMAKE_${language}_COMPILER_FRONTEND_VARIANT GNU)
endforeach()
execute_process(COMMAND "${VERBENA}" cc -dumpversion OUTPUT_VARIABLE verbena_clang OUTPUT_STRIP_TRAILING_WHITESPACE)
set(CMAKE_C_COMPILER_VERSION "${verbena_clang}")
set(CMAKE_CXX_COMPILER_VERSION "${verbena_clang}")
set(CMAKE_C_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_C_EXTENSIONS_COMPUTED_DEFAULT ON)
set(CMAKE_CXX_EXTENSIONS_COMPUTED_DEFAULT ON)

set(UNIX TRUE)
set(CMAKE_EXECUTABLE_SUFFIX ".vmi")
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE NEVER)

# mpi.h and the library are always there, so that find_package(MPI) has nothing to find out.
set(MPI_CXX_SKIP_MPICXX TRUE)
foreach(language C CXX)
  set(MPI_${language}_COMPILER "${VERBENA}" CACHE STRING "")
  set(MPI_${language}_WORKS TRUE)
  set(MPI_${language}_VERSION 3.1)
  set(MPI_${language}_LIB_NAMES "" CACHE STRING "")
endforeach()
set(MPIEXEC_EXECUTABLE "${VERBENA}" CACHE FILEPATH "")
set(MPIEXEC_NUMPROC_FLAG "run;-n" CACHE STRING "")
set(CMAKE_CROSSCOMPILING_EMULATOR "${VERBENA};run;-n;1")
