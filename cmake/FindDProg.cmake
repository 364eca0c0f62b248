# find_package(DProg): DPROG_COMPILER, DPROG_VERSION, and the function dprog_add_library; see DProg.cmake.

find_program(DPROG_COMPILER dprogc HINTS ENV DPROG_ROOT PATH_SUFFIXES bin)
if(DPROG_COMPILER)
    execute_process(COMMAND "${DPROG_COMPILER}" --version OUTPUT_VARIABLE DPROG_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX MATCH "[0-9]+[.][0-9.]+" DPROG_VERSION "${DPROG_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DProg REQUIRED_VARS DPROG_COMPILER VERSION_VAR DPROG_VERSION)

if(DProg_FOUND)
    include("${CMAKE_CURRENT_LIST_DIR}/DProg.cmake")
endif()
