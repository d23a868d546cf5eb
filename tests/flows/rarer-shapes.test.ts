import { useFlow } from "../helpers/flow.ts";
import { cutEverywhere } from "../helpers/shape-cells.ts";
import { rarerShapes } from "../helpers/shapes.ts";

const flow = useFlow();

cutEverywhere(flow, rarerShapes);
