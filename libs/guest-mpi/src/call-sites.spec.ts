/** With -DVERBENA_CHECK every call that communicates, waits or makes an object says where it stands; a function that is added must not be forgotten. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const namesOf = (source: string, pattern: RegExp): Set<string> => new Set([...source.matchAll(pattern)].map((match) => match[1] ?? ''));

/** Those that only ask, or set something: where they were called explains no wait, and no handle that is left. */
const local = new Set(
  `
  Add_error_class Add_error_code Add_error_string Address Aint_add Aint_diff Alloc_mem Attr_delete Attr_get Attr_put Cart_coords
  Cart_get Cart_map Cart_rank Cart_shift Cartdim_get Close_port Comm_call_errhandler Comm_compare Comm_create_keyval
  Comm_delete_attr Comm_free_keyval Comm_get_attr Comm_get_errhandler Comm_get_info Comm_get_name Comm_get_parent Comm_join
  Comm_rank Comm_remote_size Comm_set_attr Comm_set_errhandler Comm_set_info Comm_set_name Comm_size Comm_test_inter Dims_create
  Dist_graph_neighbors Dist_graph_neighbors_count Errhandler_get Errhandler_set Error_class Error_string File_call_errhandler
  File_create_errhandler File_get_amode File_get_atomicity File_get_byte_offset File_get_errhandler File_get_group File_get_info
  File_get_position File_get_position_shared File_get_size File_get_type_extent File_get_type_extent_c File_get_view File_seek
  File_set_errhandler File_set_info Finalized Free_mem Get_address Get_count Get_count_c Get_elements Get_elements_c
  Get_elements_x Get_library_version Get_processor_name Get_version Graph_get Graph_map Graph_neighbors Graph_neighbors_count
  Graphdims_get Grequest_complete Group_compare Group_from_session_pset Group_rank Group_size Group_translate_ranks
  Info_create_env Info_delete Info_get Info_get_nkeys Info_get_nthkey Info_get_string Info_get_valuelen Info_set Initialized
  Is_thread_main Keyval_create Keyval_free Lookup_name Op_commutative Open_port Pack_external Pack_external_c Pack_external_size
  Pack_external_size_c Pack_size Pack_size_c Pcontrol Publish_name Query_thread Reduce_local Reduce_local_c Register_datarep
  Register_datarep_c Request_get_status Session_call_errhandler Session_create_errhandler Session_get_errhandler
  Session_get_info Session_get_nth_pset Session_get_num_psets Session_get_pset_info Session_set_errhandler Status_c2f
  Status_c2f08 Status_f082c Status_f082f Status_f2c Status_f2f08 Status_set_cancelled Status_set_elements Status_set_elements_x
  T_category_changed T_category_get_categories T_category_get_cvars T_category_get_index T_category_get_info T_category_get_num
  T_category_get_pvars T_cvar_get_index T_cvar_get_info T_cvar_get_num T_cvar_handle_alloc T_cvar_handle_free T_cvar_read
  T_cvar_write T_enum_get_info T_enum_get_item T_finalize T_init_thread T_pvar_get_index T_pvar_get_info T_pvar_get_num
  T_pvar_handle_alloc T_pvar_handle_free T_pvar_read T_pvar_readreset T_pvar_reset T_pvar_session_create T_pvar_session_free
  T_pvar_start T_pvar_stop T_pvar_write Test_cancelled Topo_test Type_create_f90_complex Type_create_f90_integer
  Type_create_f90_real Type_create_keyval Type_delete_attr Type_extent Type_free_keyval Type_get_attr Type_get_contents
  Type_get_contents_c Type_get_envelope Type_get_envelope_c Type_get_extent Type_get_extent_c Type_get_extent_x Type_get_name
  Type_get_true_extent Type_get_true_extent_c Type_get_true_extent_x Type_lb Type_match_size Type_set_attr Type_set_name
  Type_size Type_size_c Type_size_x Type_ub Unpack_external Unpack_external_c Unpublish_name Win_call_errhandler
  Win_create_errhandler Win_create_keyval Win_delete_attr Win_free_keyval Win_get_attr Win_get_errhandler Win_get_group
  Win_get_info Win_get_name Win_set_attr Win_set_errhandler Win_set_info Win_set_name Win_shared_query Win_shared_query_c Wtick
  Wtime name
`
    .trim()
    .split(/\s+/),
);

it('every function of the library has a call site, or needs none', () => {
  // The program that sees to it that every function of the standard is declared and links.
  const functions = namesOf(text('../../../test/guests/mpi/names.c'), /\bF\((\w+)\)/g);
  const sites = namesOf(text('../include/verbena/mpi/call-sites.h'), /^#define MPI_(\w+)\(\.\.\.\)/gm);
  expect(functions.size).toBeGreaterThan(500);
  expect([...functions].filter((name) => !sites.has(name) && !local.has(name))).toEqual([]);
  expect([...local].filter((name) => sites.has(name) || !functions.has(name))).toEqual([]);
});
