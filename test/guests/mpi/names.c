/* Catches: a function of the standard that is not declared or does not link, as MPI_X or as PMPI_X. */
#include "check.h"

typedef void function(void);
#define F(name) (function *)MPI_##name, (function *)PMPI_##name

static function *const others[] = {
    F(Abort), F(Add_error_class), F(Add_error_code), F(Add_error_string), F(Address), F(Aint_add), F(Aint_diff), F(Allgather),
    F(Allgather_c), F(Allgather_init), F(Allgather_init_c), F(Allgatherv), F(Allgatherv_c), F(Allgatherv_init), F(Allgatherv_init_c),
    F(Alloc_mem), F(Allreduce), F(Allreduce_c), F(Allreduce_init), F(Allreduce_init_c), F(Alltoall), F(Alltoall_c), F(Alltoall_init),
    F(Alltoall_init_c), F(Alltoallv), F(Alltoallv_c), F(Alltoallv_init), F(Alltoallv_init_c), F(Alltoallw), F(Alltoallw_c),
    F(Alltoallw_init), F(Alltoallw_init_c), F(Attr_delete), F(Attr_get), F(Attr_put), F(Barrier), F(Barrier_init), F(Bcast), F(Bcast_c),
    F(Bcast_init), F(Bcast_init_c), F(Bsend), F(Bsend_c), F(Bsend_init), F(Bsend_init_c), F(Buffer_attach), F(Buffer_attach_c),
    F(Buffer_detach), F(Buffer_detach_c), F(Cancel), F(Cart_coords), F(Cart_create), F(Cart_get), F(Cart_map), F(Cart_rank),
    F(Cart_shift), F(Cart_sub), F(Cartdim_get), F(Close_port), F(Dims_create), F(Dist_graph_create), F(Dist_graph_create_adjacent),
    F(Dist_graph_neighbors), F(Dist_graph_neighbors_count), F(Errhandler_create), F(Errhandler_free), F(Errhandler_get),
    F(Errhandler_set), F(Error_class), F(Error_string), F(Exscan), F(Exscan_c), F(Exscan_init), F(Exscan_init_c), F(Finalize),
    F(Finalized), F(Free_mem), F(Gather), F(Gather_c), F(Gather_init), F(Gather_init_c), F(Gatherv), F(Gatherv_c), F(Gatherv_init),
    F(Gatherv_init_c), F(Get_address), F(Get_count), F(Get_count_c), F(Get_elements), F(Get_elements_c), F(Get_elements_x),
    F(Get_library_version), F(Get_processor_name), F(Get_version), F(Graph_create), F(Graph_get), F(Graph_map), F(Graph_neighbors),
    F(Graph_neighbors_count), F(Graphdims_get), F(Grequest_complete), F(Grequest_start), F(Iallgather), F(Iallgather_c), F(Iallgatherv),
    F(Iallgatherv_c), F(Iallreduce), F(Iallreduce_c), F(Ialltoall), F(Ialltoall_c), F(Ialltoallv), F(Ialltoallv_c), F(Ialltoallw),
    F(Ialltoallw_c), F(Ibarrier), F(Ibcast), F(Ibcast_c), F(Ibsend), F(Ibsend_c), F(Iexscan), F(Iexscan_c), F(Igather), F(Igather_c),
    F(Igatherv), F(Igatherv_c), F(Improbe), F(Imrecv), F(Imrecv_c), F(Ineighbor_allgather), F(Ineighbor_allgather_c),
    F(Ineighbor_allgatherv), F(Ineighbor_allgatherv_c), F(Ineighbor_alltoall), F(Ineighbor_alltoall_c), F(Ineighbor_alltoallv),
    F(Ineighbor_alltoallv_c), F(Ineighbor_alltoallw), F(Ineighbor_alltoallw_c), F(Info_create), F(Info_create_env), F(Info_delete),
    F(Info_dup), F(Info_free), F(Info_get), F(Info_get_nkeys), F(Info_get_nthkey), F(Info_get_string), F(Info_get_valuelen), F(Info_set),
    F(Init), F(Init_thread), F(Initialized), F(Iprobe), F(Irecv), F(Irecv_c), F(Ireduce), F(Ireduce_c), F(Ireduce_scatter),
    F(Ireduce_scatter_block), F(Ireduce_scatter_block_c), F(Ireduce_scatter_c), F(Irsend), F(Irsend_c), F(Is_thread_main), F(Iscan),
    F(Iscan_c), F(Iscatter), F(Iscatter_c), F(Iscatterv), F(Iscatterv_c), F(Isend), F(Isend_c), F(Isendrecv), F(Isendrecv_c),
    F(Isendrecv_replace), F(Isendrecv_replace_c), F(Issend), F(Issend_c), F(Keyval_create), F(Keyval_free), F(Lookup_name), F(Mprobe),
    F(Mrecv), F(Mrecv_c), F(Neighbor_allgather), F(Neighbor_allgather_c), F(Neighbor_allgather_init), F(Neighbor_allgather_init_c),
    F(Neighbor_allgatherv), F(Neighbor_allgatherv_c), F(Neighbor_allgatherv_init), F(Neighbor_allgatherv_init_c), F(Neighbor_alltoall),
    F(Neighbor_alltoall_c), F(Neighbor_alltoall_init), F(Neighbor_alltoall_init_c), F(Neighbor_alltoallv), F(Neighbor_alltoallv_c),
    F(Neighbor_alltoallv_init), F(Neighbor_alltoallv_init_c), F(Neighbor_alltoallw), F(Neighbor_alltoallw_c), F(Neighbor_alltoallw_init),
    F(Neighbor_alltoallw_init_c), F(Op_commutative), F(Op_create), F(Op_create_c), F(Op_free), F(Open_port), F(Parrived), F(Pcontrol),
    F(Pready), F(Pready_list), F(Pready_range), F(Precv_init), F(Probe), F(Psend_init), F(Publish_name), F(Query_thread), F(Recv),
    F(Recv_c), F(Recv_init), F(Recv_init_c), F(Reduce), F(Reduce_c), F(Reduce_init), F(Reduce_init_c), F(Reduce_local), F(Reduce_local_c),
    F(Reduce_scatter), F(Reduce_scatter_block), F(Reduce_scatter_block_c), F(Reduce_scatter_block_init), F(Reduce_scatter_block_init_c),
    F(Reduce_scatter_c), F(Reduce_scatter_init), F(Reduce_scatter_init_c), F(Request_free), F(Request_get_status), F(Rsend), F(Rsend_c),
    F(Rsend_init), F(Rsend_init_c), F(Scan), F(Scan_c), F(Scan_init), F(Scan_init_c), F(Scatter), F(Scatter_c), F(Scatter_init),
    F(Scatter_init_c), F(Scatterv), F(Scatterv_c), F(Scatterv_init), F(Scatterv_init_c), F(Send), F(Send_c), F(Send_init), F(Send_init_c),
    F(Sendrecv), F(Sendrecv_c), F(Sendrecv_replace), F(Sendrecv_replace_c), F(Ssend), F(Ssend_c), F(Ssend_init), F(Ssend_init_c),
    F(Start), F(Startall), F(Status_c2f), F(Status_c2f08), F(Status_f082c), F(Status_f082f), F(Status_f2c), F(Status_f2f08),
    F(Status_set_cancelled), F(Status_set_elements), F(Status_set_elements_x), F(Test), F(Test_cancelled), F(Testall), F(Testany),
    F(Testsome), F(Topo_test), F(Unpublish_name), F(Wait), F(Waitall), F(Waitany), F(Waitsome), F(Wtick), F(Wtime),
};
static function *const windows[] = {
    F(Accumulate), F(Accumulate_c), F(Compare_and_swap), F(Fetch_and_op), F(Get), F(Get_accumulate), F(Get_accumulate_c), F(Get_c),
    F(Put), F(Put_c), F(Raccumulate), F(Raccumulate_c), F(Rget), F(Rget_accumulate), F(Rget_accumulate_c), F(Rget_c), F(Rput), F(Rput_c),
    F(Win_allocate), F(Win_allocate_c), F(Win_allocate_shared), F(Win_allocate_shared_c), F(Win_attach), F(Win_call_errhandler),
    F(Win_complete), F(Win_create), F(Win_create_c), F(Win_create_dynamic), F(Win_create_errhandler), F(Win_create_keyval),
    F(Win_delete_attr), F(Win_detach), F(Win_fence), F(Win_flush), F(Win_flush_all), F(Win_flush_local), F(Win_flush_local_all),
    F(Win_free), F(Win_free_keyval), F(Win_get_attr), F(Win_get_errhandler), F(Win_get_group), F(Win_get_info), F(Win_get_name),
    F(Win_lock), F(Win_lock_all), F(Win_post), F(Win_set_attr), F(Win_set_errhandler), F(Win_set_info), F(Win_set_name),
    F(Win_shared_query), F(Win_shared_query_c), F(Win_start), F(Win_sync), F(Win_test), F(Win_unlock), F(Win_unlock_all), F(Win_wait),
};
static function *const communicators[] = {
    F(Comm_accept), F(Comm_call_errhandler), F(Comm_compare), F(Comm_connect), F(Comm_create), F(Comm_create_errhandler),
    F(Comm_create_from_group), F(Comm_create_group), F(Comm_create_keyval), F(Comm_delete_attr), F(Comm_disconnect), F(Comm_dup),
    F(Comm_dup_with_info), F(Comm_free), F(Comm_free_keyval), F(Comm_get_attr), F(Comm_get_errhandler), F(Comm_get_info),
    F(Comm_get_name), F(Comm_get_parent), F(Comm_group), F(Comm_idup), F(Comm_idup_with_info), F(Comm_join), F(Comm_rank),
    F(Comm_remote_group), F(Comm_remote_size), F(Comm_set_attr), F(Comm_set_errhandler), F(Comm_set_info), F(Comm_set_name), F(Comm_size),
    F(Comm_spawn), F(Comm_spawn_multiple), F(Comm_split), F(Comm_split_type), F(Comm_test_inter), F(Group_compare), F(Group_difference),
    F(Group_excl), F(Group_free), F(Group_from_session_pset), F(Group_incl), F(Group_intersection), F(Group_range_excl),
    F(Group_range_incl), F(Group_rank), F(Group_size), F(Group_translate_ranks), F(Group_union), F(Intercomm_create),
    F(Intercomm_create_from_groups), F(Intercomm_merge), F(Session_call_errhandler), F(Session_create_errhandler), F(Session_finalize),
    F(Session_get_errhandler), F(Session_get_info), F(Session_get_nth_pset), F(Session_get_num_psets), F(Session_get_pset_info),
    F(Session_init), F(Session_set_errhandler),
};
static function *const files[] = {
    F(File_call_errhandler), F(File_close), F(File_create_errhandler), F(File_delete), F(File_get_amode), F(File_get_atomicity),
    F(File_get_byte_offset), F(File_get_errhandler), F(File_get_group), F(File_get_info), F(File_get_position),
    F(File_get_position_shared), F(File_get_size), F(File_get_type_extent), F(File_get_type_extent_c), F(File_get_view), F(File_iread),
    F(File_iread_all), F(File_iread_all_c), F(File_iread_at), F(File_iread_at_all), F(File_iread_at_all_c), F(File_iread_at_c),
    F(File_iread_c), F(File_iread_shared), F(File_iread_shared_c), F(File_iwrite), F(File_iwrite_all), F(File_iwrite_all_c),
    F(File_iwrite_at), F(File_iwrite_at_all), F(File_iwrite_at_all_c), F(File_iwrite_at_c), F(File_iwrite_c), F(File_iwrite_shared),
    F(File_iwrite_shared_c), F(File_open), F(File_preallocate), F(File_read), F(File_read_all), F(File_read_all_begin),
    F(File_read_all_begin_c), F(File_read_all_c), F(File_read_all_end), F(File_read_at), F(File_read_at_all), F(File_read_at_all_begin),
    F(File_read_at_all_begin_c), F(File_read_at_all_c), F(File_read_at_all_end), F(File_read_at_c), F(File_read_c), F(File_read_ordered),
    F(File_read_ordered_begin), F(File_read_ordered_begin_c), F(File_read_ordered_c), F(File_read_ordered_end), F(File_read_shared),
    F(File_read_shared_c), F(File_seek), F(File_seek_shared), F(File_set_atomicity), F(File_set_errhandler), F(File_set_info),
    F(File_set_size), F(File_set_view), F(File_sync), F(File_write), F(File_write_all), F(File_write_all_begin),
    F(File_write_all_begin_c), F(File_write_all_c), F(File_write_all_end), F(File_write_at), F(File_write_at_all),
    F(File_write_at_all_begin), F(File_write_at_all_begin_c), F(File_write_at_all_c), F(File_write_at_all_end), F(File_write_at_c),
    F(File_write_c), F(File_write_ordered), F(File_write_ordered_begin), F(File_write_ordered_begin_c), F(File_write_ordered_c),
    F(File_write_ordered_end), F(File_write_shared), F(File_write_shared_c), F(Register_datarep), F(Register_datarep_c),
};
static function *const datatypes[] = {
    F(Pack), F(Pack_c), F(Pack_external), F(Pack_external_c), F(Pack_external_size), F(Pack_external_size_c), F(Pack_size),
    F(Pack_size_c), F(Type_commit), F(Type_contiguous), F(Type_contiguous_c), F(Type_create_darray), F(Type_create_darray_c),
    F(Type_create_f90_complex), F(Type_create_f90_integer), F(Type_create_f90_real), F(Type_create_hindexed),
    F(Type_create_hindexed_block), F(Type_create_hindexed_block_c), F(Type_create_hindexed_c), F(Type_create_hvector),
    F(Type_create_hvector_c), F(Type_create_indexed_block), F(Type_create_indexed_block_c), F(Type_create_keyval), F(Type_create_resized),
    F(Type_create_resized_c), F(Type_create_struct), F(Type_create_struct_c), F(Type_create_subarray), F(Type_create_subarray_c),
    F(Type_delete_attr), F(Type_dup), F(Type_extent), F(Type_free), F(Type_free_keyval), F(Type_get_attr), F(Type_get_contents),
    F(Type_get_contents_c), F(Type_get_envelope), F(Type_get_envelope_c), F(Type_get_extent), F(Type_get_extent_c), F(Type_get_extent_x),
    F(Type_get_name), F(Type_get_true_extent), F(Type_get_true_extent_c), F(Type_get_true_extent_x), F(Type_hindexed), F(Type_hvector),
    F(Type_indexed), F(Type_indexed_c), F(Type_lb), F(Type_match_size), F(Type_set_attr), F(Type_set_name), F(Type_size), F(Type_size_c),
    F(Type_size_x), F(Type_struct), F(Type_ub), F(Type_vector), F(Type_vector_c), F(Unpack), F(Unpack_c), F(Unpack_external),
    F(Unpack_external_c),
};
static function *const tools[] = {
    F(T_category_changed), F(T_category_get_categories), F(T_category_get_cvars), F(T_category_get_index), F(T_category_get_info),
    F(T_category_get_num), F(T_category_get_pvars), F(T_cvar_get_index), F(T_cvar_get_info), F(T_cvar_get_num), F(T_cvar_handle_alloc),
    F(T_cvar_handle_free), F(T_cvar_read), F(T_cvar_write), F(T_enum_get_info), F(T_enum_get_item), F(T_finalize), F(T_init_thread),
    F(T_pvar_get_index), F(T_pvar_get_info), F(T_pvar_get_num), F(T_pvar_handle_alloc), F(T_pvar_handle_free), F(T_pvar_read),
    F(T_pvar_readreset), F(T_pvar_reset), F(T_pvar_session_create), F(T_pvar_session_free), F(T_pvar_start), F(T_pvar_stop),
    F(T_pvar_write),
};

static int named(function *const list[], size_t count) {
  int found = 0;
  for (size_t i = 0; i < count; i++) found += list[i] != 0;
  return found;
}
#define NAMED(list) named(list, sizeof list / sizeof list[0])

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int all = NAMED(others) + NAMED(windows) + NAMED(communicators) + NAMED(files) + NAMED(datatypes) + NAMED(tools);
  CHECK(all == 1202, "%d names", all);
  return end();
}
