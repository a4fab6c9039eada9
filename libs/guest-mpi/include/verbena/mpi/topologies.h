/* MPI-3.1, chapter 7: process topologies. Included by mpi.h. */
#ifndef VERBENA_MPI_TOPOLOGIES_H
#define VERBENA_MPI_TOPOLOGIES_H

VB_FN(int, Dims_create, (int nodes, int ndims, int dims[]))
VB_FN(int, Cart_create, (MPI_Comm comm, int ndims, const int dims[], const int periods[], int reorder, MPI_Comm *cart))
VB_FN(int, Cartdim_get, (MPI_Comm comm, int *ndims))
VB_FN(int, Cart_get, (MPI_Comm comm, int maxdims, int dims[], int periods[], int coords[]))
VB_FN(int, Cart_rank, (MPI_Comm comm, const int coords[], int *rank))
VB_FN(int, Cart_coords, (MPI_Comm comm, int rank, int maxdims, int coords[]))
VB_FN(int, Cart_shift, (MPI_Comm comm, int direction, int displacement, int *source, int *dest))
VB_FN(int, Cart_sub, (MPI_Comm comm, const int remain[], MPI_Comm *part))
VB_FN(int, Cart_map, (MPI_Comm comm, int ndims, const int dims[], const int periods[], int *rank))
VB_FN(int, Topo_test, (MPI_Comm comm, int *status))
VB_FN(int, Graph_create, (MPI_Comm comm, int nodes, const int index[], const int edges[], int reorder, MPI_Comm *graph))
VB_FN(int, Graphdims_get, (MPI_Comm comm, int *nodes, int *edges))
VB_FN(int, Graph_get, (MPI_Comm comm, int max_index, int max_edges, int index[], int edges[]))
VB_FN(int, Graph_neighbors_count, (MPI_Comm comm, int rank, int *count))
VB_FN(int, Graph_neighbors, (MPI_Comm comm, int rank, int max, int neighbors[]))
VB_FN(int, Graph_map, (MPI_Comm comm, int nodes, const int index[], const int edges[], int *rank))
VB_FN(int, Dist_graph_create_adjacent,
      (MPI_Comm comm, int indegree, const int sources[], const int sourceweights[], int outdegree, const int dests[], const int destweights[],
       MPI_Info info, int reorder, MPI_Comm *graph))
VB_FN(int, Dist_graph_create,
      (MPI_Comm comm, int n, const int sources[], const int degrees[], const int dests[], const int weights[], MPI_Info info, int reorder,
       MPI_Comm *graph))
VB_FN(int, Dist_graph_neighbors_count, (MPI_Comm comm, int *indegree, int *outdegree, int *weighted))
VB_FN(int, Dist_graph_neighbors,
      (MPI_Comm comm, int max_in, int sources[], int sourceweights[], int max_out, int dests[], int destweights[]))

#endif
