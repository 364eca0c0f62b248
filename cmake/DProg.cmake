# dprog_add_library(TARGET FILE.dp [SHARED] [OPTIONS -g -O0 ...])
#
# Compiles the exports of FILE.dp to a static library (or a shared one) with its header, as the target TARGET: whoever links it finds the
# header too. It is built again when FILE.dp or a module that it uses has changed. The compiler is DPROG_COMPILER, by default the
# `dprogc` on the path.
#
# dprog_add_runtime(TARGET)
#
# The runtime alone, `libdprog_rt.a`, for projects that link objects of `dprogc build --emit obj` themselves.

cmake_minimum_required(VERSION 3.20)

if(NOT DPROG_COMPILER)
    find_program(DPROG_COMPILER dprogc HINTS ENV DPROG_ROOT PATH_SUFFIXES bin REQUIRED)
endif()

function(dprog_add_library target source)
    cmake_parse_arguments(PARSE_ARGV 2 arg "SHARED" "" "OPTIONS")
    get_filename_component(source "${source}" ABSOLUTE)
    get_filename_component(stem "${source}" NAME_WLE)
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.dprog")
    file(MAKE_DIRECTORY "${folder}")
    if(arg_SHARED)
        set(kind SHARED)
        set(library "${folder}/lib${stem}.so")
    else()
        set(kind STATIC)
        set(library "${folder}/lib${stem}.a")
    endif()
    string(TOLOWER "${kind}lib" emit)
    if(CMAKE_CROSSCOMPILING)
        list(APPEND arg_OPTIONS --target "${CMAKE_SYSTEM_PROCESSOR}")
    endif()
    add_custom_command(
        OUTPUT "${library}" "${folder}/${stem}.h"
        COMMAND "${CMAKE_COMMAND}" -E env "CC=${CMAKE_C_COMPILER}"
            "${DPROG_COMPILER}" build ${arg_OPTIONS} -MD --emit ${emit},header -o "${folder}/" "${source}"
        DEPENDS "${source}"
        DEPFILE "${folder}/${stem}.d"
        COMMENT "Compiling ${stem}.dp"
        VERBATIM)
    add_custom_target(${target}_dprog DEPENDS "${library}" "${folder}/${stem}.h")
    add_library(${target} ${kind} IMPORTED GLOBAL)
    add_dependencies(${target} ${target}_dprog)
    set_target_properties(${target} PROPERTIES
        IMPORTED_LOCATION "${library}"
        INTERFACE_INCLUDE_DIRECTORIES "${folder}")
endfunction()

function(dprog_add_runtime target)
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.dprog")
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
        OUTPUT "${folder}/libdprog_rt.a"
        COMMAND "${DPROG_COMPILER}" build --emit runtime -o "${folder}/"
        COMMENT "Writing libdprog_rt.a"
        VERBATIM)
    add_custom_target(${target}_dprog DEPENDS "${folder}/libdprog_rt.a")
    add_library(${target} STATIC IMPORTED GLOBAL)
    add_dependencies(${target} ${target}_dprog)
    find_package(Threads REQUIRED)
    set_target_properties(${target} PROPERTIES
        IMPORTED_LOCATION "${folder}/libdprog_rt.a"
        INTERFACE_LINK_LIBRARIES "Threads::Threads;m")
endfunction()
